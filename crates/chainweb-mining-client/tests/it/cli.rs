//! The program from the command line: exit codes, messages, signals and commands.

mod alerts;
mod api;
pub(crate) mod config;
mod cpu;
mod development;
mod doctor;
mod external;
mod fates;
mod full_disk;
mod hang_up;
mod history;
mod log;
mod metrics;
mod on_demand;
mod page;
pub(crate) mod program;
mod secrets;
mod service;
mod share_log;
mod signals;
mod stratum;
mod terminal;
mod texts;

use std::fs::File;
use std::io::{Write, pipe};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use self::program::{Running, field, program, run, text};

/// The recorded headers of the mainnet, one after the other.
const HEADERS: &str = fixtures::MAINNET_PATH;

#[test]
fn usage_errors_exit_with_64_and_say_what_to_do() {
    let check = program::check_usage;
    check(&["--nodee", "x"], &["--nodee", "did you mean --node?"]);
    check(&["--worker", "gpu"], &["--worker", "gpu", "cpu"]);
    check(
        &["--node", "a", "--node", "http://a:1848/"],
        &["--node", "appears twice", "leave one"],
    );
    check(
        &["--node", "http://host/path"],
        &["--node", "http://host/path"],
    );
    check(&["--node", "ftp://host"], &["--node", "ftp"]);
    check(&["--node", "host:port"], &["--node", "host:port"]);
    check(&["--node", ""], &["--node"]);
    check(&["--thread-count", "0"], &["--thread-count", "0"]);
    check(&["--work-slots", "none"], &["--work-slots", "none"]);
    check(&["--timeout", "10"], &["--timeout", "10s"]);
    check(&["--timeout", "0s"], &["--timeout", "0s"]);
    check(
        &["--timeout", "300000000000y"],
        &["--timeout", "300000000000y", "a year"],
    );
    check(
        &["--timeout", "walk=5s"],
        &["--timeout", "walk=5s", "work=5s"],
    );
    for micros in ["0", "-1", "10s", "18446744073709551616"] {
        let flag = format!("--default-http-timeout={micros}");
        check(
            &[&flag],
            &["--default-http-timeout", micros, "10000000 for 10 s"],
        );
    }
    check(
        &["--preemption", "delayed"],
        &["--preemption", "delayed:2s", "batch-complete"],
    );
    check(
        &["--preemption", "delayed:0s"],
        &["delayed:0s", "a microsecond"],
    );
    check(
        &["--preemption-min-interval", "15"],
        &["--preemption-min-interval", "10s"],
    );
    for count in ["18446744073709551615", "100000"] {
        let message = ["--thread-count", count, "1 to 1024"];
        check(&["-c", count], &message);
        check(&["demo", "-c", count], &message);
    }
    check(
        &["--tls", "--node", "http://host"],
        &["--tls", "--node", "http://host", "https://"],
    );
    check(&["simnet", "--time-scale", "0"], &["--time-scale", "zero"]);
    check(
        &["simnet", "--block-delay", "10ns"],
        &["--block-delay", "10ns", "a microsecond"],
    );
    check(
        &["simnet", "--foreign-hash-rate", "1e300P"],
        &["--foreign-hash-rate", "1e300P", "2.5M"],
    );
    check(&["--log-level", "loud"], &["--log-level", "debug"]);
    check(&["demo", "--for", "soon"], &["--for", "10s"]);
    check(&["demo", "--nodes", "6"], &["--nodes", "1..=5"]);
    check(&["demo", "--graph", "cube"], &["--graph", "petersen"]);
    check(&["simnet", "--listen", "here"], &["--listen", "here"]);
    check(
        &["simnet", "--start-difficulty", "hard"],
        &["--start-difficulty", "2.5M"],
    );
    check(&["header", "zz"], &["zz"]);
    check(&["mine"], &["mine"]);
}

#[test]
fn help_and_version_have_the_short_forms_of_the_haskell_client() {
    for flag in ["-h", "-?", "--help"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("--public-key"), "{flag}");
    }
    for (flag, is_whole) in [("-h", false), ("-?", false), ("--help", true)] {
        let output = run(&[flag]);
        for detail in ["--stratum-port", "--license", "Examples:"] {
            let is_printed = text(&output.stdout).contains(detail);
            assert_eq!(is_printed, is_whole, "{detail} in {flag}");
        }
    }
    for flag in ["-v", "--version"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        let version = concat!("chainweb-mining-client ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(text(&output.stdout), version);
    }
}

#[test]
fn commands_have_help_and_the_version_and_each_level_of_the_log() {
    for command in [
        "demo",
        "simnet",
        "bench",
        "header",
        "doctor",
        "alerts",
        "health",
        "stats",
        "completions",
        "man",
    ] {
        let help = run(&["help", command]);
        assert_eq!(help.status.code(), Some(0), "{command}");
        assert_eq!(help.stdout, run(&[command, "--help"]).stdout, "{command}");
        for flag in ["-v", "--version"] {
            assert_eq!(
                run(&[command, flag]).stdout,
                run(&["-v"]).stdout,
                "{command}"
            );
        }
    }
    assert_eq!(run(&["help"]).stdout, run(&["--help"]).stdout);
    program::check_usage(&["help", "mine"], &["mine"]);
    let demo = run(&["demo", "--for=500ms", "--graph=pair", "--log-level=trace"]);
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
}

/// The parser of a node's address checks it in every source, together with all other settings.
#[test]
fn a_wrong_address_of_a_node_is_among_all_errors() {
    for (address, why) in [
        ("1848", "localhost:1848"),
        ("a,b", "\"b\" is no option of a node"),
        ("localhost;x", "it contains ';'"),
        ("http://host/path", "leave the path \"/path\" out"),
    ] {
        let node = format!("--node={address}");
        let parts = ["2 errors", "--node: ", why, "--stratum-port: "];
        for last in ["--print-config", "--insecure"] {
            program::check_usage(&[&node, "--stratum-port=x", last], &parts);
        }
        program::check_usage(&["doctor", &node, "--stratum-port=x"], &parts);
        let output = program()
            .env("CHAINWEB_MINING_NODE", address)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        let message = text(&output.stderr);
        assert!(message.contains("CHAINWEB_MINING_NODE: "), "{message}");
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn an_answer_that_cannot_be_printed_is_an_error_unless_its_reader_is_gone() {
    for flag in ["--help", "--version", "--info", "--print-config"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = program().arg(flag).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{flag}");
        assert!(text(&output.stderr).starts_with("error: "), "{flag}");
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = program().arg(flag).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert_eq!(text(&output.stderr), "", "{flag}");
    }
}

#[test]
fn recorded_headers_meet_their_targets_and_a_changed_one_does_not() {
    let output = run(&["header", HEADERS]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout).matches("meets target: yes").count(),
        15
    );
    let output = run(&["header", "--json", HEADERS]);
    let objects: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 15);
    assert!(objects.iter().all(|header| header["meets_target"] == true));
    assert!(
        objects
            .iter()
            .all(|header| header["block_hash_is_right"] == true)
    );

    let mut header = std::fs::read(HEADERS).unwrap()[..318].to_vec();
    header[280] ^= 1;
    let mut child = program()
        .args(["header", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&header).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("meets target: no"));
}

#[test]
fn the_demo_of_several_nodes_takes_the_serving_one_away_and_mines_on() {
    let arguments = [
        "demo",
        "--nodes=2",
        "--for=15s",
        "--json",
        "--graph=petersen",
    ];
    let output = run(&[&arguments[..], &["-c", "1", "--block-delay=1s"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().unwrap();
    let report: Value = serde_json::from_str(last).unwrap();
    let timeline = report["nodes"]["timeline"].as_array().unwrap();
    let gone = timeline.iter().position(|step| step["what"] == "goes_away");
    let (gone, after) = timeline[gone.unwrap()..].split_first().unwrap();
    assert_eq!(gone["node"], timeline[0]["node"], "{last}");
    let is_other = |step: &Value| step["what"] == "serves" && step["node"] != gone["node"];
    assert!(after.iter().any(is_other), "{last}");
    let is_back = |step: &Value| step["what"] == "comes_back" && step["node"] == gone["node"];
    assert!(after.iter().any(is_back), "{last}");
    let taken = report["nodes"]["blocks_taken"].as_array().unwrap();
    assert!(taken.len() == 2 && taken[1].as_u64() > Some(0), "{last}");
}

#[test]
fn the_demo_mines_on_its_network_and_reports_json_as_its_last_line() {
    let output = run(&[
        "demo",
        "--for",
        "3s",
        "--json",
        "--graph",
        "petersen",
        "--block-delay",
        "1s",
        "-c",
        "1",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().unwrap();
    let report: Value = serde_json::from_str(last).unwrap();
    let number = |key: &str| report[key].as_f64().unwrap();
    assert!(number("blocks_accepted") >= 1.0, "{last}");
    assert_eq!(report["solutions_rejected"], 0, "{last}");
    assert_eq!(report["threads"], 1);
    assert!(
        number("hash_rate") > 0.0 && number("hashes_per_cpu_second") > 0.0,
        "{last}"
    );
    assert!(number("expected_blocks") > 0.0, "{last}");
    assert!(number("chains_advanced") >= 1.0, "{last}");
    for key in [
        "blocks_displaced",
        "blocks_orphaned",
        "updates_received",
        "jobs_unsolved",
        "jobs_unwatched",
        "refreshes_received",
        "refreshes_fetched",
        "refreshes_identical",
        "refreshes_preempted",
    ] {
        assert!(report[key].is_u64(), "{key} in {last}");
    }
}

#[test]
fn client_and_network_survive_the_end_of_each_other() {
    const EASY: [&str; 6] = [
        "--graph",
        "petersen",
        "--start-difficulty",
        "20k",
        "--block-delay",
        "1s",
    ];
    let network = |listen: &str| {
        Running::start(&[["simnet", "--listen", listen].as_slice(), EASY.as_slice()].concat())
    };
    let first = network("127.0.0.1:0");
    let address = field(&first.wait_for("simulated network starts"), "address").to_owned();
    let mut client = Running::start(&["--node", &address, "-w", "cpu", "-c", "1", "-k", "demo"]);
    first.wait_for("block mined");

    // The network ends, and one of the same name takes its place.
    drop(first);
    let mut second = network(&address);
    second.wait_for("block mined");

    // The client is killed, and another one takes its place.
    client.signal(Signal::KILL);
    assert!(!client.wait().success());
    let mut client = Running::start(&[
        "--node",
        &format!("http://{address}"),
        "-w",
        "cpu",
        "-c",
        "1",
    ]);
    client.wait_for("block found");
    second.wait_for("block mined");

    client.signal(Signal::TERM);
    client.wait_for("shutting down");
    assert_eq!(client.wait().code(), Some(0));
    second.signal(Signal::INT);
    assert_eq!(second.wait().code(), Some(0));
}

#[test]
fn insecure_without_tls_is_a_warning() {
    let client = Running::start(&[
        "--insecure",
        "--node",
        "127.0.0.1:1",
        "-w",
        "cpu",
        "-c",
        "1",
    ]);
    client.wait_for("--insecure has no effect");
}

#[test]
fn proxies_without_their_protocol_are_a_warning() {
    let client = Running::start(&[
        "--stratum-proxy-from",
        "10.0.0.1",
        "--node",
        "127.0.0.1:1",
        "-w",
        "stratum",
        "--stratum-interface",
        "127.0.0.1",
        "--stratum-port",
        "0",
    ]);
    client.wait_for("--stratum-proxy-from has no effect");
}

#[test]
fn an_output_without_a_reader_is_no_error() {
    for args in [
        ["header", HEADERS].as_slice(),
        &["header", "--json", HEADERS],
        &["demo", "--json", "--for", "500ms", "--graph", "pair"],
        &["demo", "--for", "500ms", "--graph", "pair"],
        &["--help"],
        &["--version"],
        &["--info"],
        &["--long-info"],
        &["--license"],
        &["--generate-key"],
        &["completions", "zsh"],
        &["man"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = program();
        let output = command.args(args).stdout(writer).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {message}");
        for bad in ["error", "ERROR", "panic"] {
            assert!(!message.contains(bad), "{args:?}: {message}");
        }
    }
}
