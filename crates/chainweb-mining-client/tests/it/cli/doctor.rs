//! `doctor` on the command line: its output, its exit codes, its end by a signal.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use simnet::{Config, Endpoint, Rule, Simnet, Verdict};
use tokio::time::sleep;

use super::program::{Running, check_usage, field, program, run, text};

async fn network() -> Simnet {
    let anywhere = ([127, 0, 0, 1], 0).into();
    Simnet::start(Config::default(), anywhere).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_whether_mining_would_work() {
    let network = network().await;
    let node = network.address().to_string();
    let output = run(&["doctor", "-n", &node, "-k", "demo"]);
    let screen = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{screen}");
    let title =
        format!("http://{node}, mining for k:demo\n\n✓ name           127.0.0.1 is an address\n");
    assert!(screen.starts_with(&title), "{screen}");
    assert!(screen.ends_with("\n\nmining would work\n"), "{screen}");

    // Warnings do not prevent mining.
    network
        .faults()
        .install(Rule::on(Endpoint::Cut, Verdict::Status(500, "".into())));
    let output = run(&["doctor", "-n", &node]);
    let screen = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{screen}");
    assert!(
        screen.contains("\n! /cut           answers 500\n"),
        "{screen}"
    );
    assert!(
        screen.ends_with("\n\nmining would work, but see above\n"),
        "{screen}"
    );

    network.set_listening(false).await.unwrap();
    let output = run(&["doctor", "-n", &node]);
    let screen = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{screen}");
    assert!(screen.ends_with("\n\nmining would not work\n"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_with_the_findings_so_far() {
    let network = network().await;
    network
        .faults()
        .install(Rule::on(Endpoint::Work, Verdict::Hang));
    for signal in [Signal::INT, Signal::TERM] {
        let asked = network.requests().of(Endpoint::Work);
        let node = network.address().to_string();
        let mut doctor = Running::start(&["doctor", "-n", &node, "--timeout", "10m"]);
        while network.requests().of(Endpoint::Work) == asked {
            sleep(Duration::from_millis(2)).await;
        }
        doctor.signal(signal);
        assert_eq!(doctor.wait().code(), Some(1));
        let screen = doctor.stdout();
        assert!(screen.contains("✓ /cut"), "{screen}");
        let end = "\n- not checked    mining API, key, work, fork votes, update stream, clock, round \
                   trip, one node\n\ninterrupted: whether mining would work is not known\n";
        assert!(screen.ends_with(end), "{screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_is_examined_and_all_have_to_work() {
    let network = network().await;
    let (node, gone) = (network.address().to_string(), "127.0.0.1:1");
    let output = run(&["doctor", "-n", &node, "-n", gone, "-k", "demo"]);
    let screen = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{screen}");
    let (first, second) = screen.split_once("mining would work\n\n").expect(screen);
    assert!(first.contains("✓ work"), "{screen}");
    assert!(second.starts_with(&format!("http://{gone}")), "{screen}");
}

#[test]
fn wrong_flags_are_those_of_mining() {
    check_usage(&["doctor", "--nodee", "x"], &["--nodee", "--node"]);
    check_usage(&["doctor", "-n", "a", "-n", "a:1848"], &["appears twice"]);
    check_usage(&["doctor", "-n", "ftp://x"], &["ftp"]);
    check_usage(
        &["doctor", "--tls", "-n", "http://x"],
        &["--tls", "https://"],
    );
    check_usage(&["doctor", "--timeout", "0s"], &["--timeout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_examines_the_node_of_the_settings() {
    let network = network().await;
    let node = network.address().to_string();
    let output = program()
        .args(["--worker", "on-demand", "doctor", "--json"])
        .env("CHAINWEB_MINING_NODE", &node)
        .env("CHAINWEB_MINING_PUBLIC_KEY", "demo")
        .output()
        .unwrap();
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let report: serde_json::Value = serde_json::from_str(printed).unwrap();
    assert_eq!(report["node"], format!("http://{node}"));
    assert_eq!(report["account"], "k:demo");
}

#[test]
fn marks_are_not_coloured_without_a_terminal() {
    let output = program()
        .args(["doctor", "-n", "127.0.0.1:1"])
        .output()
        .unwrap();
    assert!(!text(&output.stdout).contains('\x1b'));
}

#[test]
fn a_network_on_the_command_line_can_have_every_fault() {
    let faulty = |flags: &[&str], expected: &[&str]| {
        let network = [
            &["simnet", "--listen", "127.0.0.1:0", "--graph", "pair"],
            flags,
        ]
        .concat();
        let network = Running::start(&network);
        let address = field(&network.wait_for("simulated network starts"), "address").to_owned();
        let output = run(&["doctor", "-n", &address, "--timeout", "1500ms"]);
        for line in expected {
            let screen = text(&output.stdout);
            assert!(screen.contains(line), "{flags:?}: no {line:?} in\n{screen}");
        }
    };
    faulty(
        &[
            "--fault",
            "cut=status:500",
            "--fault",
            "updates=hang",
            "--clock-offset",
            "-2h",
        ],
        &[
            "! /cut           answers 500\n",
            "✗ update stream  no answer within 1.5 s\n",
            "! clock          the node's is 2.0 h behind this machine's\n",
        ],
    );
    faulty(
        &["--fault", "work=status:403:Unauthorized Miner: k:"],
        &["✗ key            answers 403: Unauthorized Miner: k:; no key was sent\n"],
    );
    check_usage(
        &["simnet", "--fault", "work=slow"],
        &["--fault", "work=slow", "delay:TIME"],
    );
    check_usage(
        &["simnet", "--clock-offset", "1"],
        &["--clock-offset", "10s"],
    );
}

#[test]
fn nodes_on_the_command_line_have_faults_of_their_own() {
    let mut network = Running::start(&[
        "simnet",
        "--listen=127.0.0.1:0",
        "--graph=pair",
        "--nodes=3",
        "--propagation-delay=0s",
        "--payloads=own",
        "--fault=node1/work=status:503:busy",
        "--fault=node2=close:1us",
        "--clock-offset=2h",
        "--clock-offset=node1=-3h",
    ]);
    let addresses: Vec<_> = (0..3)
        .map(|_| field(&network.wait_for("simulated node starts"), "address").to_owned())
        .collect();
    network.wait_for("fault of a node begins");
    let examined = |address: &str| {
        let output = run(&["doctor", "-n", address, "--timeout", "1500ms"]);
        text(&output.stdout).to_owned()
    };
    let (first, second) = (examined(&addresses[0]), examined(&addresses[1]));
    assert!(first.contains("2.0 h ahead"), "{first}");
    assert!(!first.contains("answers 503"), "{first}");
    assert!(second.contains("3.0 h behind"), "{second}");
    assert!(second.contains("answers 503"), "{second}");
    while TcpStream::connect(&addresses[2]).is_ok() {
        std::thread::yield_now();
    }
    let closed = examined(&addresses[2]);
    assert!(closed.contains('✗'), "{closed}");
    network.signal(Signal::TERM);
    assert_eq!(network.wait().code(), Some(0));
}

#[test]
fn faults_need_a_node_of_the_network() {
    let simnet = |flags: &[&'static str]| [&["simnet", "--listen=127.0.0.1:0"], flags].concat();
    check_usage(
        &simnet(&["--nodes=2", "--fault=node2=freeze:1s"]),
        &["there is no node 2: the last one is node 1"],
    );
    check_usage(
        &simnet(&["--fault=node1/work=hang"]),
        &["there is no node 1: the last one is node 0"],
    );
    check_usage(
        &simnet(&["--clock-offset=node9=1h"]),
        &["there is no node 9: the last one is node 0"],
    );
    check_usage(
        &simnet(&["--nodes=0"]),
        &["the number of nodes must be between 1 and 64, not 0"],
    );
    check_usage(&simnet(&["--fault=node1=melt:1s"]), &["nodeN=FAULT:AFTER"]);
    check_usage(&simnet(&["--payloads=other"]), &["--payloads", "same, own"]);
}

#[test]
fn a_closed_output_is_a_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = program()
        .args(["doctor", "-n", "127.0.0.1:1"])
        .stdout(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
