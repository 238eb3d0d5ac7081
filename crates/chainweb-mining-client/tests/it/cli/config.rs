//! Settings from files, URLs and the environment.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, id};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;

use super::program::{self, Running, field, program, run, text};

/// A folder of files, removed after the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn pipe(&self, name: &str) -> String {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Serves one request, and returns the address.
pub(super) fn serve(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<()>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(&answer).unwrap();
    });
    (address, server)
}

#[track_caller]
fn check_output(output: &Output, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(text(&output.stderr), stderr);
    assert_eq!(text(&output.stdout), stdout);
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn settings_of_all_sources_are_printed_and_nothing_else_is_done() {
    let folder = Folder::new("print");
    let (address, server) = serve(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
         {\"account\": \"url\", \"workSlots\": 3, \"logLevel\": \"debug\"}",
    );
    let file = folder.file("miner.toml", "account = 'file'\n[stratum]\nrate = 500\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let url = format!("http://{address}/miner");
    let output = program()
        .args(["--config-file", &file, "--config-file", &url])
        .args(["--stratum-interface", "127.0.0.1", "--stratum-port", &port])
        .args(["-l", "WARN", "--print-config-as", "minimal"])
        .env("CHAINWEB_MINING_ACCOUNT", "environment")
        .env("CHAINWEB_MINING_INSECURE", "on")
        .env("CHAINWEB_MINING_WORK_SLOT", "4")
        .output()
        .unwrap();
    server.join().unwrap();
    let printed = format!(
        "insecure: true\naccount: \"file\"\nlogLevel: warn\nstratumPort: {port}\n\
         stratumInterface: \"127.0.0.1\"\nstratumRate: 500\nworkSlots: 3\n"
    );
    let warning = "warning: unknown setting CHAINWEB_MINING_WORK_SLOT; \
                   did you mean CHAINWEB_MINING_WORK_SLOTS?\n";
    check_output(&output, 0, &printed, warning);
}

#[test]
fn a_printed_configuration_starts_a_miner() {
    let folder = Folder::new("mine");
    let network = Running::start(&[
        "simnet",
        "--listen",
        "127.0.0.1:0",
        "--graph",
        "pair",
        "--start-difficulty",
        "10k",
    ]);
    let address = field(&network.wait_for("simulated network starts"), "address").to_owned();
    let printed = run(&["-w", "cpu", "-c", "1", "--node", &address, "--print-config"]);
    let file = folder.file("printed.yaml", &printed.stdout);
    // The environment names the file if no flag does.
    let mut miner = Running::spawn(program().env("CHAINWEB_MINING_CONFIG_FILE", &file));
    miner.wait_for("block found");
    miner.signal(Signal::TERM);
    assert_eq!(miner.wait().code(), Some(0));
}

#[test]
fn a_file_that_is_no_document_is_refused_without_reading_it_to_the_end() {
    let folder = Folder::new("bad");
    let check = |path: &str, what: &str| {
        let output = run(&["--config-file", path, "--print-config"]);
        check_output(&output, 64, "", &format!("error: {path}{what}\n"));
    };
    let lost = folder.path("lost.yaml");
    check(
        &lost,
        ": cannot be read: No such file or directory (os error 2)",
    );
    check(
        folder.0.to_str().unwrap(),
        ": is a directory; expected a file",
    );
    let special = ": is a device, a pipe or a socket; expected a file";
    check("/dev/zero", special);
    let pipe = folder.pipe("pipe");
    check(&pipe, special);
    let huge = folder.path("huge.yaml");
    File::create(&huge).unwrap().set_len(100_000_000).unwrap();
    check(&huge, ": is larger than 1 MiB, the limit for settings");
    let binary = folder.file("binary", b"\x7fELF\x01\0\0");
    check(&binary, ": is not a text file: it contains zero bytes");
    let latin = folder.file("latin.yaml", b"node: a\naccount: \xfc\n");
    check(&latin, ":2:10: is not valid UTF-8");
    let laughs = ('b'..='z')
        .zip('a'..)
        .map(|(this, last)| format!("{this}: &{this} [*{last}, *{last}, *{last}, *{last}]"));
    let laughs: Vec<String> = ["a: &a [x, x, x, x]".to_owned()]
        .into_iter()
        .chain(laughs)
        .collect();
    let laughs = folder.file("laughs.yaml", laughs.join("\n"));
    check(&laughs, ":1:4: anchors (&name) are not supported");
    let page = folder.file("page", "<!DOCTYPE html>\n<html></html>");
    check(
        &page,
        ": looks like a web page (HTML or XML), not like settings",
    );
}

#[test]
fn an_empty_file_is_a_warning() {
    let folder = Folder::new("empty");
    let file = folder.file("empty.yaml", "");
    let output = run(&["--config-file", &file, "--print-config-as=minimal"]);
    let warning = format!("warning: {file}: contains no settings\n");
    check_output(&output, 0, "{}\n", &warning);
}

#[test]
fn a_url_without_settings_is_reported_without_its_secrets() {
    let page = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>no settings</html>";
    let missing = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n";
    for (answer, what) in [
        (
            page,
            "looks like a web page (HTML or XML), not like settings",
        ),
        (missing, "the server returned 404 Not Found"),
    ] {
        let (address, server) = serve(answer);
        let url = format!("http://user:secret@{address}/x.yaml?secret");
        let output = run(&["--config-file", &url, "--print-config"]);
        server.join().unwrap();
        check_output(
            &output,
            64,
            "",
            &format!("error: http://{address}/x.yaml: {what}\n"),
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let output = run(&[
        "--config-file",
        &format!("http://{closed}/?secret"),
        "--print-config",
    ]);
    let why = format!("http://{closed}/: cannot connect: Connection refused (os error 111)");
    let again = format!("{why}; retrying\n");
    check_output(&output, 64, "", &format!("{again}{again}error: {why}\n"));
    let output = run(&["--config-file=ftp://user:secret@host/", "--print-config"]);
    let what = "expected a path or an http(s) URL, got \"ftp\"";
    check_output(&output, 64, "", &format!("error: --config-file: {what}\n"));
}

#[test]
fn errors_of_all_sources_are_reported_together() {
    let folder = Folder::new("errors");
    let file = folder.file("miner.yaml", "threadCount: many\nnod: localhost\n");
    let output = program()
        .args(["--config-file", &file, "--log-level", "loud"])
        .env("CHAINWEB_MINING_STRATUM_PORT", "none")
        .output()
        .unwrap();
    let expected = format!(
        "error: 4 errors in the settings\n\
         \x20 --log-level: expected quiet, error, warn, info, debug or trace, got \"loud\"\n\
         \x20 CHAINWEB_MINING_STRATUM_PORT: expected a port from 0 to 65535, got \"none\"\n\
         \x20 {file}:1:14: threadCount: expected a number from 1 to 1024, got \"many\"\n\
         \x20 {file}:2:1: nod: unknown setting; did you mean node?\n"
    );
    check_output(&output, 64, "", &expected);
}

#[test]
fn settings_that_contradict_each_other_are_reported_with_their_sources() {
    let folder = Folder::new("contradiction");
    let file = folder.file("miner.json", "{\"threadCount\": 3}");
    let output = run(&["--config-file", &file, "--work-slots", "4"]);
    assert_eq!(output.status.code(), Some(64));
    let message = text(&output.stderr);
    let origin = format!("\n  --thread-count is set by {file}:1:2: threadCount\n");
    assert!(message.contains("--work-slots 4"), "{message}");
    assert!(message.ends_with(&origin), "{message}");
}

#[test]
fn a_contradiction_is_one_event_of_a_log_in_json() {
    let output = program()
        .args(["--log-format=json", "--work-slots", "4"])
        .env("CHAINWEB_MINING_THREAD_COUNT", "3")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let lines: Vec<serde_json::Value> = text(&output.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let fields = &lines.last().unwrap()["fields"];
    assert!(fields["error"].as_str().unwrap().contains("--work-slots 4"));
    assert_eq!(
        fields["origins"],
        "--thread-count is set by CHAINWEB_MINING_THREAD_COUNT"
    );
}

#[test]
fn a_command_from_a_url_without_tls_is_a_warning() {
    let (address, server) = serve(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nstratumRate: 600\n\
         externalWorkerCommand: miner\n",
    );
    let url = format!("http://{address}/miner.yaml");
    let output = run(&["--config-file", &url, "--print-config-as=minimal"]);
    server.join().unwrap();
    let warning = format!(
        "warning: {url}:2:1: externalWorkerCommand: others on the network can change a command \
         without https\n"
    );
    let printed = "externalWorkerCommand: \"miner\"\nstratumRate: 600\n";
    check_output(&output, 0, printed, &warning);
}

#[test]
fn trust_is_set_in_one_way_and_by_a_file_that_can_be_read() {
    let folder = Folder::new("trust");
    let file = folder.file("ca.pem", "no certificate");
    let pin = format!("--node-fingerprint=sha256:{}", "0a".repeat(32));
    let check = program::check_usage;
    check(&["--node-fingerprint=0a"], &["sha256:"]);
    check(
        &["--insecure", &pin],
        &["--insecure contradicts --node-fingerprint"],
    );
    check(
        &["--node-ca", &file, &pin],
        &["--node-ca contradicts --node-fingerprint"],
    );
    check(
        &["--node-ca", &file],
        &["--node-ca", &file, "no certificate in PEM"],
    );
    check(
        &["--node-ca", "/nonexistent"],
        &["cannot be read: No such file"],
    );
}

#[test]
fn an_address_of_a_node_is_reported_without_its_password() {
    let output = run(&["--node", "http://user:hunter2@host:1848"]);
    assert_eq!(output.status.code(), Some(64));
    let message = text(&output.stderr);
    assert!(message.starts_with("error: --node: "), "{message}");
    assert!(message.contains("\"http://host:1848\""), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_signal_ends_the_wait_for_a_configuration() {
    for signal in [Signal::INT, Signal::TERM] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/miner.yaml", listener.local_addr().unwrap());
        let mut client = Running::start(&["--config-file", &url]);
        // The request follows the installation of the signal handlers.
        let connection = listener.accept().unwrap();
        client.signal(signal);
        client.wait_for("stopping before all settings were read");
        assert_eq!(client.wait().code(), Some(0));
        drop(connection);
    }
}
