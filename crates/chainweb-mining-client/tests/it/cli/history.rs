//! What is kept in `--data-dir`: no solved block is lost, however the program ends.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chainweb::Difficulty;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, Row};
use rustix::process::Signal;
use serde_json::Value;
use simnet::{Config, Endpoint, Rule, Simnet, Verdict};
use tokio::time::sleep;

use super::program::{Running, check_usage, run, text};
use crate::seed;

/// A new directory below that of the tests.
pub(super) fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::remove_dir_all(&directory).ok();
    directory
}

pub(super) async fn network() -> Simnet {
    let config = Config {
        // A block takes some hundredths of a second.
        start_difficulty: Difficulty::from_u128(200_000),
        ..Config::default()
    };
    Simnet::start(config, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap()
}

fn start(network: &Simnet, directory: &Path) -> Running {
    let node = network.address().to_string();
    let directory = directory.to_str().unwrap();
    let flags = "-w cpu -c 1 --cpu-kernel portable --log-format json -l debug";
    let mut args: Vec<&str> = flags.split(' ').collect();
    args.extend(["--node", &node, "--data-dir", directory]);
    Running::start(&args)
}

/// Returns the hashes of the blocks that these lines call found.
pub(super) fn found(lines: &[String]) -> Vec<String> {
    let hash = |line: &String| {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = &line["fields"];
        let is_found = fields["event"] == "block_found";
        is_found.then(|| fields["block"].as_str().unwrap().to_owned())
    };
    lines.iter().filter_map(hash).collect()
}

/// A block in the history: its hash and fate.
#[derive(Debug)]
struct Block {
    hash: String,
    fate: String,
}

/// Returns all blocks of the history.
fn blocks(directory: &Path) -> Vec<Block> {
    let database = Connection::open(directory.join("history.db")).unwrap();
    let mut query = database.prepare("SELECT hash, fate FROM block").unwrap();
    let block = |row: &Row<'_>| {
        let (hash, fate) = row.try_into()?;
        Ok(Block { hash, fate })
    };
    let rows = query.query_map([], block).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Kills the program again and again, half of the times with the node away. Checks that every block
/// it called found is in the history once, and that all are taken in the end; `is_whole` also that
/// every block in the cut is known to be there. That one is a race with the disk, which a starved
/// machine can lose.
async fn no_block_is_lost(kills: u32, name: &str, is_whole: bool) {
    let (network, directory) = (network().await, directory(name));
    let mut rng = StdRng::seed_from_u64(seed());
    let mut called_found = BTreeSet::new();
    for _ in 0..kills {
        let mut client = start(&network, &directory);
        let mut lines = client.lines_until("block_found");
        let is_away = rng.random_bool(0.5);
        if is_away {
            network.set_listening(false).await.unwrap();
        }
        sleep(Duration::from_millis(rng.random_range(0..300))).await;
        client.signal(Signal::KILL);
        lines.extend(client.rest());
        client.wait();
        called_found.extend(found(&lines));
        network.set_listening(true).await.unwrap();
    }
    // One more run takes up what the last one left.
    let mut client = start(&network, &directory);
    let mut lines = client.lines_until("block_accepted");
    client.signal(Signal::TERM);
    lines.extend(client.rest());
    called_found.extend(found(&lines));
    assert_eq!(client.wait().code(), Some(0));

    // The work of all runs adds up, whether they were killed or not.
    let database = Connection::open(directory.join("history.db")).unwrap();
    let sums = |sql: &str| {
        let mut query = database.prepare(sql).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<Vec<f64>, _>>().unwrap()
    };
    let expected = sums("SELECT expected FROM block ORDER BY id");
    assert!(expected.is_sorted(), "{expected:?}");
    let total = sums("SELECT sum(expected) FROM total WHERE span = 60")[0];
    let last = expected.last().unwrap();
    assert!(total - last > -1e-9, "{total} {last}");
    let blocks = blocks(&directory);
    let hashes: BTreeSet<_> = blocks.iter().map(|block| block.hash.clone()).collect();
    assert_eq!(hashes.len(), blocks.len(), "a block is there twice");
    let missing: Vec<_> = called_found.difference(&hashes).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let lost = |block: &&Block| ["found", "lost"].contains(&block.fate.as_str());
    let lost: Vec<_> = blocks.iter().filter(lost).collect();
    assert!(lost.is_empty(), "{lost:?}");
    for block in network.report().own_in_cut.iter().filter(|_| is_whole) {
        let hash = block.hash.to_string();
        let kept = blocks.iter().find(|kept| kept.hash == hash);
        let fate = kept.map(|kept| kept.fate.as_str());
        assert!(
            matches!(fate, Some("accepted" | "confirmed" | "submitted")),
            "{block:?}: {kept:?}"
        );
    }
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_block_is_lost_when_the_program_is_killed() {
    no_block_is_lost(4, "killed", false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn no_block_is_lost_when_the_program_is_killed_fifty_times() {
    no_block_is_lost(50, "killed-often", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_the_node_has_not_taken_are_submitted_at_the_next_start() {
    let (network, directory) = (network().await, directory("kept"));
    let faults = network.faults();
    faults.install(Rule::on(Endpoint::Solved, Verdict::Drop));
    let mut client = start(&network, &directory);
    let mut lines = client.lines_until("block_found");
    client.signal(Signal::TERM);
    lines.extend(client.rest());
    assert_eq!(client.wait().code(), Some(0), "{lines:#?}");
    let unfinished = lines.iter().filter(|line| line.contains("\"unfinished\""));
    let unfinished: Vec<_> = unfinished.collect();
    assert!(!unfinished.is_empty());
    for line in unfinished {
        assert!(line.contains("the next start submits it"), "{line}");
    }
    network.faults().clear();
    let client = start(&network, &directory);
    client.wait_for("\"block_restored\"");
    let found = found(&lines);
    loop {
        let accepted = client.wait_for("\"block_accepted\"");
        let accepted: Value = serde_json::from_str(&accepted).unwrap();
        if found
            .iter()
            .any(|hash| accepted["fields"]["block"] == hash[..])
        {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_disk_delays_no_block() {
    let (network, directory) = (network().await, directory("hanging"));
    let mut client = start(&network, &directory);
    let mut lines = client.lines_until("block_found");
    let lock = Connection::open(directory.join("history.db")).unwrap();
    lock.busy_timeout(Duration::from_mins(1)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    lines.extend(client.lines_until("\"history_failed\""));
    for _ in 0..10 {
        lines.extend(client.lines_until("\"block_accepted\""));
    }
    lock.execute_batch("COMMIT").unwrap();
    lines.extend(client.lines_until("\"history_recovered\""));
    client.signal(Signal::TERM);
    lines.extend(client.rest());
    assert_eq!(client.wait().code(), Some(0), "{lines:#?}");
    let (found, kept) = (found(&lines), blocks(&directory));
    assert_eq!(kept.len(), found.len());
    assert!(kept.iter().all(|block| found.contains(&block.hash)));
    let sql = "SELECT sum(blocks) FROM total WHERE span = 60";
    let total: i64 = lock.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(total.unsigned_abs(), found.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_not_written_at_the_end_are_counted_once() {
    let (network, directory) = (network().await, directory("incomplete"));
    let mut client = start(&network, &directory);
    client.wait_for("block_found");
    let lock = Connection::open(directory.join("history.db")).unwrap();
    lock.busy_timeout(Duration::from_mins(1)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    client.wait_for("\"history_failed\"");
    client.signal(Signal::TERM);
    let lines = client.rest();
    client.wait();
    let incomplete = lines
        .iter()
        .filter(|line| line.contains("\"history_incomplete\""));
    let incomplete: Vec<_> = incomplete.collect();
    let [line] = incomplete[..] else {
        panic!("not once: {lines:#?}");
    };
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["fields"]["records"].as_u64() > Some(0), "{line}");
    let fix = line["fields"]["fix"].as_str().unwrap();
    assert!(fix.contains("End the program"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_newer_program_is_left_alone() {
    let (network, directory) = (network().await, directory("newer"));
    let mut client = start(&network, &directory);
    client.wait_for("\"block_found\"");
    client.signal(Signal::TERM);
    client.wait();
    let file = directory.join("history.db");
    let database = Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let before = fs::read(&file).unwrap();
    let mut client = start(&network, &directory);
    let reason = client.wait_for("\"history_off\"");
    assert!(reason.contains("a newer version"), "{reason}");
    client.wait_for("\"block_accepted\"");
    client.signal(Signal::TERM);
    client.wait();
    assert!(before == fs::read(&file).unwrap());
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error_if_it_was_chosen() {
    let file = directory("a-file");
    fs::write(&file, "").unwrap();
    let path = file.to_str().unwrap();
    check_usage(
        &["-w", "cpu", "--node", "127.0.0.1:1", "--data-dir", path],
        &["cannot keep the history in", path],
    );
    check_usage(&["--data-dir", ""], &["--data-dir"]);
    let output = run(&["--print-config", "--data-dir", "none"]);
    assert!(text(&output.stdout).contains("dataDir"));
}
