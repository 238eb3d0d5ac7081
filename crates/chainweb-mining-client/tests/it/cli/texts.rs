//! What the program prints instead of mining: texts about itself, its manual, a key pair.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::program::{check_usage, program, run, text};

/// Returns the standard output of the program, which succeeds without an error message.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(text(&output.stderr), "", "{args:?}");
    assert_eq!(output.status.code(), Some(0), "{args:?}");
    text(&output.stdout).to_owned()
}

fn key(line: &str, name: &str) -> [u8; 32] {
    let digits = line.strip_prefix(name).unwrap();
    assert_eq!(digits.to_lowercase(), digits);
    let mut key = [0; 32];
    const_hex::decode_to_slice(digits, &mut key).unwrap();
    key
}

#[test]
fn generated_keys_are_pairs_for_another_library_and_differ_each_time() {
    let pairs = [(); 2].map(|()| {
        let lines = printed(&["--generate-key"]);
        let lines: Vec<&str> = lines.lines().collect();
        let [public, private] = lines[..] else {
            panic!("two lines, not {lines:?}")
        };
        (key(public, "public:  "), key(private, "private: "))
    });
    for (public, private) in &pairs {
        let pair = Ed25519KeyPair::from_seed_unchecked(private).unwrap();
        assert_eq!(pair.public_key().as_ref(), public);
    }
    assert_ne!(pairs[0], pairs[1]);
}

#[test]
fn generate_key_needs_nothing_and_can_be_undone() {
    // No node can have this address, so mining on it would fail.
    for flags in [
        ["--generate-key", "--node=https://nowhere.invalid"],
        ["--no-generate-key", "--generate-key"],
    ] {
        assert_eq!(printed(&flags).lines().count(), 2, "{flags:?}");
    }
    let undone = [
        "--generate-key",
        "--no-generate-key",
        "--node=ftp://nowhere",
    ];
    check_usage(&undone, &["ftp://nowhere"]);
}

#[test]
fn texts_about_the_program_need_no_valid_settings() {
    let version = env!("CARGO_PKG_VERSION");
    let first = format!("chainweb-mining-client {version}");
    for flag in ["--info", "--long-info"] {
        let text = printed(&["--node=ftp://nowhere", flag]);
        assert!(text.starts_with(&first), "{text}");
        assert!(text.contains("MIT OR Apache-2.0"), "{text}");
    }
    let text = printed(&["--long-info"]);
    for part in ["target ", std::env::consts::ARCH, "kernels ", "portable"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn the_licences_are_printed_whole() {
    let text = printed(&["--license"]);
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let path = [env!("CARGO_MANIFEST_DIR"), "../..", name];
        let licence = fs::read_to_string(path.iter().collect::<PathBuf>()).unwrap();
        assert!(text.contains(&licence), "{name}");
    }
}

#[test]
fn completions_know_the_flags_and_the_commands_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["chainweb-mining-client", "stratum-port", "simnet"] {
            assert!(script.contains(word), "no {word} for {shell}");
        }
    }
    check_usage(&["completions", "csh"], &["csh", "bash", "zsh"]);
    check_usage(&["completions"], &["<SHELL>"]);
}

/// Runs a script in a shell. Returns `None` if the shell is not installed.
fn in_shell(shell: &str, script: &str) -> Option<String> {
    let output = match Command::new(shell).args(["-c", script]).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert_eq!(text(&output.stderr), "", "{shell}");
    Some(text(&output.stdout).to_owned())
}

/// Words behind the program's name, the last one incomplete, and completions of it.
const COMPLETED: [(&str, &[&str]); 8] = [
    ("dem", &["demo"]),
    ("--stratum-po", &["--stratum-port"]),
    ("demo --blo", &["--block-delay"]),
    ("doctor --node-f", &["--node-fingerprint"]),
    ("simnet --graph p", &["pair", "petersen"]),
    ("--preemption b", &["batch-complete"]),
    ("--stratum-difficulty b", &["block"]),
    ("--stratum-proxy-protocol r", &["require"]),
];

#[test]
fn the_scripts_complete_in_the_shells_that_are_installed() {
    let bash = printed(&["completions", "bash"]);
    let fish = printed(&["completions", "fish"]);
    let zsh = printed(&["completions", "zsh"]);
    for (line, expected) in COMPLETED {
        let words: Vec<&str> = line.split(' ').collect();
        let before = words.iter().rev().nth(1).copied();
        let [name, last] = ["chainweb-mining-client", words.last().unwrap()];
        let before = before.unwrap_or(name);
        let asked = format!(
            "{bash}\nCOMP_WORDS=({name} {line}); COMP_CWORD={}\n\
             _chainweb__mining__client {name} '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len()
        );
        let found = in_shell("bash", &asked).expect("every Linux has it");
        let found: Vec<&str> = found.lines().collect();
        assert_eq!(found, expected, "{line}");
        let asked = format!("{fish}\ncomplete -C '{name} {line}'");
        if let Some(found) = in_shell("fish", &asked) {
            let words = found.lines().filter_map(|line| line.split('\t').next());
            assert_eq!(words.collect::<Vec<_>>(), expected, "{line}");
        }
    }
    // Its completions need a terminal; reading the script shows whether it is well formed.
    in_shell("zsh", &format!("compdef() {{ :; }}\n{zsh}"));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let page = printed(&["man"]);
    for part in [
        ".TH chainweb-mining-client 1",
        "\\-\\-stratum\\-port",
        ".SH EXAMPLES",
        ".SH \"EXIT STATUS\"",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }

    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("manual/pages");
    fs::remove_dir_all(&dir).ok();
    let args = ["man", "--dir", dir.to_str().unwrap()];
    assert_eq!(printed(&args), "");
    let entries = fs::read_dir(&dir).unwrap();
    let names: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected: BTreeSet<String> = chainweb_mining_client::cli::command()
        .get_subcommands()
        .map(|command| format!("chainweb-mining-client-{}.1", command.get_name()))
        .collect();
    expected.insert("chainweb-mining-client.1".to_owned());
    assert_eq!(names, expected);
}

#[test]
fn a_directory_that_cannot_be_created_is_an_error() {
    let output = run(&["man", "--dir", "/dev/null/pages"]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("--dir /dev/null/pages"), "{message}");
}

#[test]
fn errors_and_help_have_the_colours_that_the_flags_ask_for() {
    let is_coloured = |args: &[&str], flags: &[&str], no_color: &str| {
        let mut command = program();
        command.args(args).args(flags).env("NO_COLOR", no_color);
        let output = command.output().unwrap();
        text(&output.stdout).contains('\u{1b}') || text(&output.stderr).contains('\u{1b}')
    };
    for args in [["simnet", "--help"], ["simnet", "--time-scale=x"]] {
        let check = |flags: &[&str], no_color, expected| {
            let is_coloured = is_coloured(&args, flags, no_color);
            assert_eq!(is_coloured, expected, "{args:?} {flags:?}");
        };
        check(&[], "", false);
        check(&["--color", "always"], "", true);
        check(&["--color=always"], "1", true);
        check(&["--color=never"], "", false);
        check(&["--no-color"], "", false);
        check(&["--no-color", "--color=always"], "", false);
    }
}
