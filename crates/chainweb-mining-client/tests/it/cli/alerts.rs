//! Alerts to local receivers that fail in all ways, and the command that tests receivers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::program::{Running, check_usage, field, program, run, text};

const SECRET: &str = "hunter2";

/// An answer without a body.
fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// Reads one request: its head and its body.
fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return (head, String::new());
        }
    }
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Listens, and gives these answers in turn, the last one for ever. An empty one closes the
/// connection, and no answer at all keeps it open. Returns the address and the requests.
fn receiver(answers: &[String]) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, requests): (Sender<_>, _) = channel();
    let answers = answers.to_vec();
    thread::spawn(move || {
        for (at, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let received = request(&stream);
            match answers.get(at).or(answers.last()) {
                Some(answer) => (&stream).write_all(answer.as_bytes()).unwrap(),
                None => drop(thread::spawn(move || {
                    let _open = stream;
                    thread::park();
                })),
            }
            if sender.send(received).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

fn network() -> (Running, String) {
    let network = Running::start(&[
        "simnet",
        "--listen=127.0.0.1:0",
        "--graph=pair",
        "--start-difficulty=1k",
        "--block-delay=1s",
    ]);
    let address = field(&network.wait_for("simulated network starts"), "address").to_owned();
    (network, address)
}

fn miner(node: &str, urls: &[String]) -> Running {
    let mut command = program();
    command.args([
        "--worker=cpu",
        "-c1",
        "--api-listen=off",
        "--log-level=trace",
        "--node",
        node,
    ]);
    command.args(["--data-dir=none", "--public-key", fixtures::PUBLIC_KEY]);
    command.args(urls.iter().map(|url| format!("--alert-url={url}")));
    Running::spawn(&mut command)
}

#[track_caller]
fn check_secret(lines: &[String]) {
    for line in lines {
        assert!(!line.contains(SECRET), "{line}");
    }
}

#[test]
fn an_alert_is_delivered_once_the_receiver_recovers() {
    let (_network, node) = network();
    let answers = [
        "",
        "500 Internal Server Error",
        "429 Too Many Requests",
        "200 OK",
    ];
    let mut answers = answers.map(status);
    answers[0].clear();
    let (address, requests) = receiver(&answers);
    let mut miner = miner(
        &node,
        &[format!("http://user:{SECRET}@{address}/{SECRET}?{SECRET}")],
    );
    let tries: Vec<_> = (0..4).map(|_| requests.recv().unwrap()).collect();
    let first: Value = serde_json::from_str(&tries[0].1).unwrap();
    assert_eq!(
        (&first["kind"], &first["state"]),
        (&"block_found".into(), &"event".into())
    );
    // The same alert each time.
    let again: Value = serde_json::from_str(&tries[3].1).unwrap();
    for field in ["kind", "time_seconds"] {
        assert_eq!(first[field], again[field]);
    }
    let mut lines = miner.lines_until("alerts are delivered again");
    let failing: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("could not deliver"))
        .collect();
    assert_eq!(failing.len(), 1, "{failing:?}");
    assert_eq!(field(failing[0], "receiver"), "127.0.0.1");
    miner.signal(Signal::TERM);
    lines.extend(miner.rest());
    assert_eq!(miner.wait().code(), Some(0));
    check_secret(&lines);
}

#[test]
fn a_redirect_is_not_followed_and_a_receiver_that_hangs_delays_nothing() {
    let (_network, node) = network();
    let (elsewhere, stolen) = receiver(&[status("200 OK")]);
    let location = format!("307 Temporary Redirect\r\nLocation: http://{elsewhere}/{SECRET}");
    let (redirecting, _redirected) = receiver(&[status(&location)]);
    let (hanging, hung) = receiver(&[]);
    let (well, received) = receiver(&[status("204 No Content")]);
    let urls = [redirecting, hanging, well].map(|address| format!("http://{address}/{SECRET}"));
    let mut miner = miner(&node, &urls);
    hung.recv().unwrap();
    received.recv().unwrap();
    let mut lines = miner.lines_until("the receiver refuses alerts");
    assert!(
        lines
            .last()
            .is_some_and(|line| line.contains("redirects are not followed"))
    );
    lines.extend(miner.lines_until("block accepted"));
    miner.signal(Signal::TERM);
    lines.extend(miner.rest());
    assert_eq!(miner.wait().code(), Some(0));
    assert!(
        lines
            .iter()
            .any(|line| line.contains("not all alerts could be delivered"))
    );
    check_secret(&lines);
    assert!(stolen.recv_timeout(Duration::ZERO).is_err());
}

#[test]
fn each_receiver_is_tested_in_its_form() {
    let forms = ["json", "discord", "telegram", "ntfy"];
    let receivers = forms.map(|form| (form, receiver(&[status("200 OK")])));
    let urls = receivers.iter().map(|(form, (address, _))| {
        format!("--alert-url={form}+http://{address}/{SECRET}/sendMessage?chat_id=7")
    });
    let output = program()
        .args(["alerts", "test"])
        .args(urls)
        .output()
        .unwrap();
    let printed = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{printed}{}",
        text(&output.stderr)
    );
    assert_eq!(
        printed.matches(": delivered, answer 200 OK").count(),
        4 * 12,
        "{printed}"
    );
    assert!(!printed.contains(SECRET), "{printed}");
    for (form, (_, requests)) in receivers {
        let all: Vec<_> = requests.try_iter().collect();
        assert_eq!(all.len(), 12, "{form}");
        let (head, body) = &all[0];
        let expected = match form {
            "json" => "\"kind\":\"block_found\"",
            "discord" => "\"content\":\"**Block found**",
            "telegram" => "\"chat_id\":\"7\"",
            _ => "Test: Block found.",
        };
        assert!(body.contains(expected), "{form}: {head}{body}");
        assert_eq!(
            head.to_lowercase().contains("title: block found"),
            form == "ntfy",
            "{head}"
        );
    }
}

#[test]
fn a_receiver_that_refuses_fails_the_test_with_what_to_do() {
    let (address, requests) = receiver(&[status("404 Not Found")]);
    let url = format!("--alert-url=http://{address}/{SECRET}");
    let output = run(&["alerts", "test", &url]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("404 Not Found: the URL is wrong or no longer valid"),
        "{printed}"
    );
    assert!(!printed.contains(SECRET), "{printed}");
    assert_eq!(requests.try_iter().count(), 1);
    check_usage(&["alerts", "test"], &["--alert-url"]);
    check_usage(&["alerts"], &["ACTION"]);
}
