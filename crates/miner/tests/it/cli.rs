//! The program as a user meets it: exit codes, messages, signals, and the three commands.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use simnet::{Endpoint, Rule, Simnet, Verdict};

/// Far beyond what anything here takes, so that only a hang runs into it.
const PATIENCE: Duration = Duration::from_mins(1);

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainweb-mining-client"));
    command.env_remove("NO_COLOR");
    command
}

fn run(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A program that runs in the background and is killed when the test ends.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = program()
            .args(args)
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr: ChildStderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The first line from here on that contains the text.
    #[track_caller]
    fn wait_for(&self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(wanted) => return line,
                Ok(line) => seen.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {wanted:?} in:\n{}", seen.join("\n"))
                }
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            // Reading lines is a way to wait that ends with the program.
            drop(self.lines.recv_timeout(Duration::from_millis(20)));
        }
        panic!("the program does not end");
    }

    fn stdout(&mut self) -> String {
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        out
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The value of a field in a line of the log.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let start = line.find(&format!("{name}=")).unwrap() + name.len() + 1;
    line[start..].split(' ').next().unwrap()
}

#[test]
fn wrong_usage_exits_with_64_and_says_what_to_do() {
    #[track_caller]
    fn check(args: &[&str], expected: &[&str]) {
        let output = run(args);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {message}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
        for part in expected {
            assert!(message.contains(part), "{args:?}: no {part:?} in {message}");
        }
    }
    check(&["--nodee", "x"], &["--nodee", "similar", "--node"]);
    check(&["--worker", "gpu"], &["--worker", "gpu", "cpu"]);
    check(
        &["--node", "a", "--node", "b"],
        &["--node", "2 times", "leave one"],
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
    check(&["--timeout", "0s"], &["--timeout", "longer than nothing"]);
    check(&["--log-level", "loud"], &["--log-level", "debug"]);
    check(&["demo", "--for", "soon"], &["--for", "10s"]);
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
    for flag in ["-v", "--version"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        let version = concat!("chainweb-mining-client ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(text(&output.stdout), version);
    }
}

#[test]
fn recorded_headers_meet_their_targets_and_a_changed_one_does_not() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../chainweb/tests/data/mainnet-headers.bin"
    );
    let output = run(&["header", file]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout).matches("meets target: yes").count(),
        15
    );
    let output = run(&["header", "--json", file]);
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

    let mut header = std::fs::read(file).unwrap()[..318].to_vec();
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
    assert!(number("chains_advanced") >= 1.0, "{last}");
    for key in [
        "blocks_orphaned",
        "updates_received",
        "preemptions",
        "uncovered_jobs",
    ] {
        assert!(report[key].is_u64(), "{key} in {last}");
    }
}

#[test]
fn the_client_and_the_network_in_two_processes_survive_each_others_death() {
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
    let mut client = Running::start(&["--node", &address, "-c", "1", "-k", "demo"]);
    first.wait_for("block mined");

    // The network goes, and one of the same name comes in its place.
    drop(first);
    let mut second = network(&address);
    second.wait_for("block mined");

    // The client goes, and another one comes in its place.
    client.signal(Signal::KILL);
    assert!(!client.wait().success());
    let mut client = Running::start(&["--node", &format!("http://{address}"), "-c", "1"]);
    client.wait_for("solved a block");
    second.wait_for("block mined");

    client.signal(Signal::TERM);
    client.wait_for("shutting down");
    assert_eq!(client.wait().code(), Some(0));
    second.signal(Signal::INT);
    assert_eq!(second.wait().code(), Some(0));
}

#[test]
fn the_first_signal_ends_cleanly_though_no_node_is_there() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut client = Running::start(&["--node", "127.0.0.1:1", "-c", "1"]);
        client.wait_for("cannot connect");
        client.signal(signal);
        client.wait_for("shutting down");
        assert_eq!(client.wait().code(), Some(0));
        assert_eq!(client.stdout(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_leaves_at_once() {
    let config = simnet::Config {
        start_difficulty: chainweb::Difficulty::from_u128(20_000),
        ..simnet::Config::default()
    };
    let network = Simnet::start(config, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    network
        .faults()
        .install(Rule::on(Endpoint::Solved, Verdict::Hang));
    let mut client = Running::start(&["--node", &network.address().to_string(), "-c", "1"]);
    client.wait_for("solved a block");
    client.signal(Signal::INT);
    client.wait_for("shutting down");
    client.signal(Signal::TERM);
    client.wait_for("leaving at once");
    // Waiting for the answer until the grace was over would have been a clean end.
    assert_eq!(client.wait().code(), Some(1));
}
