//! Signals, at critical and at random moments.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use chainweb::Difficulty;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use simnet::{Config, Endpoint, Rule, Simnet, Verdict};
use tokio::time::sleep;

use super::program::{Running, field, program, run, text};
use crate::seed;

/// Returns a network on which a block takes a few milliseconds.
async fn network() -> Simnet {
    let config = Config {
        start_difficulty: Difficulty::from_u128(20_000),
        ..Config::default()
    };
    let anywhere = ([127, 0, 0, 1], 0).into();
    Simnet::start(config, anywhere).await.unwrap()
}

#[test]
fn the_first_signal_ends_cleanly_without_a_node() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut client = Running::start(&["--node", "127.0.0.1:1", "-w", "cpu", "-c", "1"]);
        client.wait_for("cannot connect");
        client.signal(signal);
        client.wait_for("shutting down");
        assert_eq!(client.wait().code(), Some(0));
        assert_eq!(client.stdout(), "");
    }
}

#[test]
fn a_signal_repeated_within_a_moment_counts_once() {
    let mut client = Running::start(&["--node", "127.0.0.1:1", "-w", "cpu", "-c", "1"]);
    client.wait_for("cannot connect");
    for _ in 0..2 {
        client.signal(Signal::INT);
    }
    client.wait_for("shutting down");
    assert_eq!(client.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_quits_immediately() {
    let network = network().await;
    network
        .faults()
        .install(Rule::on(Endpoint::Solved, Verdict::Hang));
    let node = network.address().to_string();
    let mut client = Running::start(&["--node", &node, "-w", "cpu", "-c", "1", "-l", "debug"]);
    let first = client.wait_for("block found");
    client.signal(Signal::INT);
    let before = client.lines_until("shutting down");
    client.signal(Signal::TERM);
    let between = client.lines_until("quitting immediately");
    let last = client.rest();
    assert_eq!(client.wait().code(), Some(1));
    // A client that waited for the answer or the grace would log its totals.
    assert!(!last.iter().any(|line| line.contains("stopped")));
    check_unfinished(&[vec![first], before, between, last].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_the_node_has_not_taken_at_the_end_are_logged_and_exit_with_1() {
    let network = network().await;
    network
        .faults()
        .install(Rule::on(Endpoint::Solved, Verdict::Hang));
    let node = network.address().to_string();
    let mut client = Running::start(&["--node", &node, "-w", "cpu", "-c", "1", "-l", "debug"]);
    let first = client.wait_for("block found");
    client.signal(Signal::TERM);
    let lines = [vec![first], client.rest()].concat();
    assert_eq!(client.wait().code(), Some(1), "{lines:#?}");
    check_unfinished(&lines);
}

/// Checks that each block found is logged as unfinished, with a header that meets its target.
#[track_caller]
fn check_unfinished(lines: &[String]) {
    const UNFINISHED: &str = "WARN block could not be submitted before the end";
    let blocks = |text: &str| -> BTreeSet<(String, String)> {
        let lines = lines.iter().filter(|line| line.contains(text));
        let block = |line| (field(line, "chain").into(), field(line, "height").into());
        lines.map(|line| block(line)).collect()
    };
    assert!(!blocks(UNFINISHED).is_empty(), "{lines:#?}");
    assert_eq!(blocks(UNFINISHED), blocks("block found"), "{lines:#?}");
    for line in lines.iter().filter(|line| line.contains(UNFINISHED)) {
        let decoded = run(&["header", field(line, "header")]);
        let decoded = text(&decoded.stdout);
        for part in ["meets target: yes", field(line, "height")] {
            assert!(decoded.contains(part), "no {part:?} in {decoded}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_at_any_moment_ends_cleanly_after_solved_blocks_are_submitted() {
    let mut rng = StdRng::seed_from_u64(seed());
    let mut mined = 0;
    for signal in [Signal::INT, Signal::TERM].repeat(5) {
        let network = network().await;
        let mut client = Running::start(&[
            "--node",
            &network.address().to_string(),
            "-w",
            "cpu",
            "-c",
            "1",
        ]);
        // The program handles signals before it logs its first line.
        client.wait_for("connecting");
        let moment = Duration::from_micros(rng.random_range(0..400_000));
        sleep(moment).await;
        client.signal(signal);
        let lines = client.rest();
        assert_eq!(client.wait().code(), Some(0), "{moment:?}: {lines:#?}");
        for bad in ["panic", "ERROR", "error:", "could not be submitted"] {
            let is_logged = lines.iter().any(|line| line.contains(bad));
            assert!(!is_logged, "{bad:?} after {moment:?}: {lines:#?}");
        }
        let report = network.report();
        let tally = report.tally;
        assert_eq!(
            (tally.bad_pow, tally.malformed, tally.invalid),
            (0, 0, 0),
            "{moment:?}: {tally:?}"
        );
        let last = lines.last().unwrap();
        assert!(last.contains("stopped"), "{moment:?}: {lines:#?}");
        assert_eq!(
            field(last, "blocks").parse(),
            Ok(report.own_in_cut.len()),
            "{moment:?}: {tally:?} {lines:#?}"
        );
        mined += tally.accepted;
        network.shutdown().await;
    }
    assert!(mined > 0, "no moment was late enough");
}

#[test]
fn a_signal_ends_the_wait_for_headers_that_do_not_come() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut waiting = Running::spawn(program().args(["header", "-"]).stdin(Stdio::piped()));
        let mut stdin = waiting.stdin();
        // More than a pipe holds: once this is written, the program reads.
        stdin.write_all(&vec![b'\n'; 1 << 17]).unwrap();
        waiting.signal(signal);
        assert_eq!(waiting.wait().signal(), Some(signal.as_raw()));
        assert_eq!(waiting.rest(), Vec::<String>::new());
        drop(stdin);
    }
}
