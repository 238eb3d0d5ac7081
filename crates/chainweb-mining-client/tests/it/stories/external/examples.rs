//! The example programs of `docs/external-workers.md`.

use std::fs;
use std::process::{Command, Stdio};

use chainweb::ChainGraph;
use miner::worker::external::{Config, InputEncoding, Once, Protocol, TargetEncoding};

use super::super::setting::{Ended, PATIENCE, Setting};
use super::{Folder, lines, once};

const PAGE: &str = include_str!("../../../../../../docs/external-workers.md");

/// Returns the Python program of this name on the page.
fn example(name: &str) -> &str {
    let begin = format!("```python\n#!/usr/bin/env python3\n# {name}: ");
    let mut at = PAGE.match_indices(&begin);
    let (start, _) = at.next().unwrap();
    assert!(at.next().is_none(), "{name} occurs twice");
    let program = &PAGE[start + "```python\n".len()..];
    &program[..program.find("```").unwrap()]
}

#[expect(
    clippy::print_stderr,
    reason = "a skipped test is worth a line in the test output"
)]
fn has_python() -> bool {
    let mut python = Command::new("python3");
    let version = python.arg("--version").stdout(Stdio::null()).status();
    let has = version.is_ok_and(|status| status.success());
    if !has {
        eprintln!("skipped: python3 is not installed");
    }
    has
}

/// Mines some blocks with two processes of a program, without a warning.
async fn mines(program: &str, configure: impl FnOnce(&str) -> Config) -> Option<Ended> {
    if !has_python() {
        return None;
    }
    let folder = Folder::new();
    let path = folder.0.join("miner.py");
    fs::write(&path, program).unwrap();
    let config = configure(&format!("exec python3 '{}'", path.display()));
    let mut story = Setting::new(ChainGraph::petersen(), 20_000).network().await;
    story.start_external(config);
    story
        .until("five blocks", 2 * PATIENCE, |story| story.accepted() >= 5)
        .await;
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
    Some(ended)
}

fn stopped(ended: &Ended) -> String {
    ended.log.lines(&["event=\"stopped\""]).remove(0)
}

#[tokio::test]
async fn documented_command_mines() {
    if let Some(ended) = mines(example("once.py"), once).await {
        assert!(stopped(&ended).contains(" hash_rate=NaN"), "{}", ended.log);
    }
}

#[tokio::test]
async fn documented_command_mines_with_hex_input_and_words() {
    let program = example("once.py")
        .replace("sys.stdin.buffer.read()", "bytes.fromhex(sys.stdin.read())")
        .replace(
            "int.from_bytes(bytes.fromhex(sys.argv[-1]), \"little\")",
            "sum(int(sys.argv[-1][16 * i : 16 * i + 16], 16) << 64 * i for i in range(4))",
        );
    assert!(program.contains("sum(") && program.contains("fromhex(sys.stdin"));
    let protocol = Protocol::Once(Once {
        target: TargetEncoding::Words,
        input: InputEncoding::Hex,
        time_limit: None,
    });
    mines(&program, |command| super::config(command, protocol)).await;
}

#[tokio::test]
async fn documented_process_mines_reports_hashes_and_ends_by_itself() {
    if let Some(ended) = mines(example("lines.py"), lines).await {
        let stopped = stopped(&ended);
        assert!(!stopped.contains(" hash_rate=NaN"), "{stopped}");
        assert!(!stopped.contains("hash_rate=0.0 "), "{stopped}");
    }
}

#[test]
fn encodings_on_the_page_are_those_of_the_flags() {
    for encoding in [
        "ffffffffffffffffffffffffffffffffffffffffffffffffff03000000000000",
        "ffffffffffffffffffffffffffffffffffffffffffffffff00000000000003ff",
    ] {
        assert_eq!(encoding.len(), 64);
        assert!(PAGE.contains(encoding), "{encoding}");
    }
}
