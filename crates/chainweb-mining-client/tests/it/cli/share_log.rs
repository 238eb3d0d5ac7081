//! The log of shares, written by the program.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use chainweb::{Difficulty, Level, Nonce, PowHash, Target, WorkHeader};
use rustix::process::Signal;
use serde_json::{Value, json};
use simnet::{Config, Simnet};

use super::config::Folder;
use super::program::{PROGRAM, Running, check_usage, command, field, program};

/// The level of shares.
const SHARE: u16 = 4;

fn share_target() -> Target {
    Level::new(SHARE).unwrap().target()
}

/// A device, line by line.
struct Device {
    reader: BufReader<TcpStream>,
    nonce1: u64,
    job: String,
    header: WorkHeader,
    /// Where the next search begins.
    nonce2: u64,
}

impl Device {
    fn log_in(address: &str, user: &str) -> Self {
        let mut device = Self {
            reader: BufReader::new(TcpStream::connect(address).unwrap()),
            nonce1: 0,
            job: String::new(),
            header: fixtures::work(0, 1, Target::MAX).header().clone(),
            nonce2: 0,
        };
        let subscribed = device.ask("mining.subscribe", &json!(["by hand"]));
        let nonce1 = subscribed["result"][1].as_str().unwrap();
        device.nonce1 = u64::from_str_radix(nonce1, 16).unwrap();
        device.ask("mining.authorize", &json!([user, "x"]));
        while device.job.is_empty() {
            device.line();
        }
        device
    }

    /// Returns the next line. The newest job stays.
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["method"] == "mining.notify" {
            line["params"][0]
                .as_str()
                .unwrap()
                .clone_into(&mut self.job);
            let header = const_hex::decode(line["params"][1].as_str().unwrap()).unwrap();
            self.header = WorkHeader::decode(&header).unwrap();
        }
        line
    }

    /// Returns the answer to a request.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let request = json!({"id": method, "method": method, "params": params});
        writeln!(self.reader.get_mut(), "{request}").unwrap();
        loop {
            let line = self.line();
            if line["id"] == method {
                return line;
            }
        }
    }

    /// Submits the next nonce whose hash is as wanted. Returns the header with it, and whether it
    /// was accepted.
    fn submit(&mut self, is_wanted: impl Fn(&PowHash, &WorkHeader) -> bool) -> (WorkHeader, bool) {
        let header = self.header.clone();
        let with = |nonce2: &u64| header.with_nonce(Nonce::new(nonce2 << 16 | self.nonce1));
        let nonce2 = (self.nonce2..1 << 40)
            .find(|nonce2| is_wanted(&pow::hash(&with(nonce2)), &header))
            .unwrap();
        self.nonce2 = nonce2 + 1;
        let solved = with(&nonce2);
        let params = json!(["ignored", self.job, format!("{nonce2:012x}")]);
        let answer = self.ask("mining.submit", &params);
        (solved, answer["result"] == true)
    }
}

fn is_share(hash: &PowHash, header: &WorkHeader) -> bool {
    share_target().is_met_by(hash) && !header.target().is_met_by(hash)
}

fn is_block(hash: &PowHash, header: &WorkHeader) -> bool {
    header.target().is_met_by(hash)
}

fn is_low(hash: &PowHash, _: &WorkHeader) -> bool {
    !share_target().is_met_by(hash)
}

/// A network, the program with these flags, and a device of this name.
struct Farm {
    _network: Simnet,
    client: Running,
    device: Device,
}

impl Farm {
    async fn start(command: &mut Command, user: &str) -> Self {
        let config = Config {
            start_difficulty: Difficulty::from_u128(20_000),
            ..Config::default()
        };
        let network = Simnet::start(config, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let node = network.address().to_string();
        // No job is too old for its share, on however slow a machine.
        let flags = "-w stratum --stratum-interface 127.0.0.1 --stratum-port 0 --stratum-rate 25000 --api-listen off";
        command.args(flags.split(' ')).args(["--node", &node]);
        command.args(["--stratum-difficulty", &SHARE.to_string()]);
        let client = Running::spawn(command);
        let ready = client.wait_for("Stratum server ready");
        client.wait_for("INFO mining");
        Self {
            _network: network,
            device: Device::log_in(field(&ready, "address"), user),
            client,
        }
    }

    /// Ends the program.
    fn end(mut self) {
        self.client.signal(Signal::TERM);
        assert_eq!(self.client.wait().code(), Some(0));
    }
}

/// Runs the program while a device of this name submits a share, a low share and a block. Returns
/// the three headers.
async fn mine(command: &mut Command, user: &str) -> [WorkHeader; 3] {
    let mut farm = Farm::start(command, user).await;
    let submitted = [
        (farm.device.submit(is_share), true),
        (farm.device.submit(is_low), false),
        (farm.device.submit(is_block), true),
    ];
    farm.client.wait_for("block accepted");
    farm.end();
    submitted.map(|((header, is_accepted), expected)| {
        assert_eq!(is_accepted, expected);
        header
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_accepted_share_has_a_line_and_a_block_one_more() {
    let folder = Folder::new("share-log");
    let path = folder.path("shares");
    let mut command = program();
    command.env("POOL2_EVENT_LOG_PATH", &path);
    let user = "k:\"0123\"\n.rig\u{202e}.🦀";
    let [share, _, block] = mine(&mut command, user).await;
    let line = |kind: &str, header: &WorkHeader, own_nonce: &str| {
        format!(
            "{{\"schemaVersion\":1,\"kind\":\"{kind}\",\"username\":\"k:\\\"0123\\\"\\n\",\
             \"worker\":\"rig\\u202e.🦀\",\"chainId\":\"{}\",\"target\":\"{}\",{own_nonce}\
             \"timestamp\":\"",
            header.chain(),
            share_target().to_decimal(),
        )
    };
    let own_nonce = format!("\"ownNonce\":\"{}\",", block.nonce().get());
    let expected = [
        line("share", &share, ""),
        line("share", &block, ""),
        line("block", &block, &own_nonce),
    ];
    let text = fs::read_to_string(path).unwrap();
    let starts = text.lines().map(|line| {
        let (start, time) = line.rsplit_once("\"timestamp\":\"").unwrap();
        humantime::parse_rfc3339(time.strip_suffix("\"}").unwrap()).unwrap();
        format!("{start}\"timestamp\":\"")
    });
    assert_eq!(starts.collect::<Vec<_>>(), expected);
    assert!(text.ends_with('\n'));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extended_log_has_refused_shares_too() {
    let folder = Folder::new("share-log-extended");
    let (path, other) = (folder.path("shares"), folder.path("other"));
    let mut command = program();
    command.env("POOL2_EVENT_LOG_PATH", &other);
    command.args(["--share-log", &path, "--share-log-format", "extended"]);
    let [share, low, block] = mine(&mut command, "account.rig").await;
    assert!(!Path::new(&other).exists());
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = [
        ("share", "accepted", Value::Null, &share),
        ("share", "refused", json!("low_difficulty"), &low),
        ("share", "accepted", Value::Null, &block),
        ("block", "accepted", Value::Null, &block),
    ];
    for (line, (kind, result, reason, header)) in lines.iter().zip(&expected) {
        let hash = pow::hash(header);
        let achieved = Target::from_le_bytes(*hash.as_le_bytes()).difficulty();
        let expected = json!({
            "schemaVersion": 100,
            "schema": "chainweb-mining-client",
            "kind": kind,
            "timestamp": line["timestamp"],
            "result": result,
            "reason": reason,
            "username": "account",
            "worker": "rig",
            "session": 1,
            "peer": line["peer"],
            "job": line["job"],
            "chainId": header.chain().get(),
            "height": header.height(),
            "nonce": header.nonce().get().to_string(),
            "target": share_target().to_decimal(),
            "difficulty": "16",
            "achievedDifficulty": achieved.to_string(),
        });
        assert_eq!(line, &expected);
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    assert_eq!(lines.len(), expected.len());
}

/// Returns the program with a log that cannot be larger than four blocks of 512 bytes.
fn limited(path: &str) -> Command {
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    let mut command = command("sh");
    command.args(["-c", script, "sh", PROGRAM, "--share-log", path]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_costs_no_line_and_no_share() {
    let folder = Folder::new("share-log-full");
    let (path, moved) = (folder.path("shares"), folder.path("moved"));
    let mut farm = Farm::start(&mut limited(&path), "account.rig").await;
    let mut accepted = || farm.device.submit(is_share).1;
    // The line of a share has more than 200 bytes, and less than 300.
    assert!((0..12).all(|_| accepted()));
    farm.client.wait_for("cannot write the share log");
    assert!(accepted());
    fs::rename(&path, &moved).unwrap();
    let recovered = farm.client.wait_for("share log is written again");
    assert_eq!(field(&recovered, "lost"), "0");
    farm.end();
    let [before, after] = [&moved, &path].map(|path| fs::read_to_string(path).unwrap());
    assert_eq!(before.len(), 2048);
    let lines: Vec<&str> = before.lines().chain(after.lines()).collect();
    let (whole, torn): (Vec<&str>, Vec<&str>) = lines
        .into_iter()
        .partition(|line| serde_json::from_str::<Value>(line).is_ok());
    assert_eq!((whole.len(), torn.len()), (13, 1));
    assert!(after.starts_with(torn[0]), "the line is not repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_the_start_costs_no_line() {
    let folder = Folder::new("share-log-full-start");
    let (path, moved) = (folder.path("shares"), folder.path("moved"));
    // The end of the line within which an earlier run stopped has no room.
    fs::write(&path, [b'x'; 2048]).unwrap();
    let mut farm = Farm::start(&mut limited(&path), "account.rig").await;
    assert!(farm.device.submit(is_share).1);
    fs::rename(&path, &moved).unwrap();
    let recovered = farm.client.wait_for("share log is written again");
    assert_eq!(field(&recovered, "lost"), "0");
    farm.end();
    let [before, after] = [&moved, &path].map(|path| fs::read_to_string(path).unwrap());
    assert_eq!((before.len(), after.lines().count()), (2048, 1));
}

#[test]
fn a_path_that_cannot_be_a_log_is_a_usage_error() {
    let folder = Folder::new("share-log-paths");
    let pipe = folder.pipe("pipe");
    for (path, what) in [
        (folder.path(""), "is a directory"),
        (pipe, "a pipe"),
        ("/dev/full".to_owned(), "is a device"),
        (folder.path("no/shares"), "No such file"),
    ] {
        check_usage(
            &["--share-log", &path],
            &["cannot write --share-log", &path, what],
        );
    }
    check_usage(&["--share-log="], &["--share-log: expected a value"]);
    check_usage(&["--share-log-format", "csv"], &["pool", "extended"]);
}
