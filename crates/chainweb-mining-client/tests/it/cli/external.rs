//! The flags of the external worker, and the end of its commands with the program.

use chainweb::Difficulty;
use rustix::process::{Pid, Signal, test_kill_process};
use simnet::{Config, Simnet};

use super::program::{PROGRAM, Running, check_usage, field, in_container};

#[test]
fn flag_errors_say_what_is_expected() {
    for (flag, wrong, hint) in [
        ("--external-protocol", "json", "once or lines"),
        ("--external-target-encoding", "hex", "bytes or words"),
        ("--external-input", "text", "binary or hex"),
        ("--external-env", "DEVICE", "KEY=VALUE"),
        ("--external-env", "=", "KEY=VALUE"),
        ("--external-timeout", "10", "10s"),
        ("--external-timeout", "0s", "a microsecond"),
        ("--thread-count", "0", "1 to 1024"),
    ] {
        let command = ["--worker", "external", "--external-worker-cmd", "miner"];
        check_usage(
            &[&command[..], &[flag, wrong]].concat(),
            &[flag, wrong, hint],
        );
    }
}

#[test]
fn missing_command_error_names_the_flag() {
    let message = [
        "--worker external",
        "--external-worker-cmd 'miner --device 0'",
    ];
    check_usage(&["--worker", "external"], &message);
    check_usage(
        &["--worker", "External", "--external-worker-cmd", " "],
        &message,
    );
    check_usage(&["-w", "external", "--external-worker-cmd="], &message);
}

/// Returns a network on which no block is found.
async fn network() -> Simnet {
    let config = Config {
        start_difficulty: Difficulty::from_u128(1 << 60),
        ..Config::default()
    };
    let anywhere = ([127, 0, 0, 1], 0).into();
    Simnet::start(config, anywhere).await.unwrap()
}

/// Returns a client whose command and its child ignore SIGTERM, and the ids of both.
fn with_stubborn_command(network: &Simnet, protocol: &str) -> (Running, [Pid; 2]) {
    let client = Running::start(&[
        "--node",
        &network.address().to_string(),
        "--log-level=debug",
        "--worker=external",
        "--thread-count=1",
        "--external-protocol",
        protocol,
        "--external-worker-cmd",
        "trap '' TERM INT; (while :; do sleep 0.1; done) & echo child-$! >&2; echo leader-$$ >&2; while :; do sleep 0.1; done #",
    ]);
    let process = |name: &str| {
        let line = client.wait_for(&format!("line={name}-"));
        let number = field(&line, "line")
            .trim_start_matches(name)
            .trim_start_matches('-')
            .parse();
        Pid::from_raw(number.unwrap()).unwrap()
    };
    let processes = [process("child"), process("leader")];
    (client, processes)
}

/// Whether the process runs. A zombie does not.
fn runs(process: Pid) -> bool {
    let stat = format!("/proc/{}/stat", process.as_raw_nonzero());
    let stat = std::fs::read_to_string(stat).unwrap_or_default();
    test_kill_process(process).is_ok() && !stat.contains(") Z ")
}

/// Waits until none of the processes runs: a killed process takes a moment to end.
async fn until_gone(processes: [Pid; 2]) {
    for _ in 0..4000 {
        if !processes.iter().any(|process| runs(*process)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{processes:?} still run");
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_ends_commands_that_ignore_sigterm_within_the_grace_period() {
    for protocol in ["once", "lines"] {
        let network = network().await;
        let (mut client, processes) = with_stubborn_command(&network, protocol);
        assert!(processes.iter().all(|process| runs(*process)));
        client.signal(Signal::TERM);
        client.wait_for("shutting down");
        let rest = client.rest();
        assert_eq!(client.wait().code(), Some(0), "{rest:#?}");
        for bad in ["WARN", "ERROR", "could not be submitted"] {
            assert!(!rest.iter().any(|line| line.contains(bad)), "{rest:#?}");
        }
        until_gone(processes).await;
        network.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_leaves_no_command_running() {
    let network = network().await;
    let (mut client, processes) = with_stubborn_command(&network, "once");
    client.signal(Signal::INT);
    client.wait_for("shutting down");
    client.signal(Signal::TERM);
    client.wait_for("quitting immediately");
    assert_eq!(client.wait().code(), Some(1));
    until_gone(processes).await;
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_process_reaps_orphans_and_keeps_the_status_of_commands() {
    let Some(mut client) = in_container(PROGRAM) else {
        return;
    };
    let network = network().await;
    let node = network.address().to_string();
    // Two orphans in sessions of their own, and one in the group of the command.
    let script = "ids=$(for i in 1 2; do setsid sh -c 'sleep 0.2 >/dev/null & echo $!'; done; \
        (sleep 0.2 >/dev/null & echo $!)); \
        for id in $ids; do while [ -e /proc/$id ]; do sleep 0.1; done; done; \
        echo reaped $ids >&2; exit 3 #";
    let client = Running::spawn(client.args([
        "--node",
        &node,
        "--log-level=debug",
        "--worker=external",
        "--thread-count=1",
        "--external-protocol=lines",
        "--external-worker-cmd",
        script,
    ]));
    for _ in 0..2 {
        let line = client.wait_for("line=\"reaped ");
        let ids = line.rsplit_once("reaped ").unwrap().1.trim_end_matches('"');
        assert_eq!(ids.split(' ').count(), 3, "{line}");
        let failure = client.wait_for("external command failed");
        assert!(failure.contains("exit status: 3"), "{failure}");
    }
    drop(client);
    network.shutdown().await;
}
