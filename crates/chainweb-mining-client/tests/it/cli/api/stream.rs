//! The stream of server-sent events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{NO_NODE, get, start, until};

/// An open stream.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(address: &str, query: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(
            socket,
            "GET /api/v1/stream{query} HTTP/1.1\r\nHost: here\r\n{headers}\r\n"
        )
        .unwrap();
        Self(BufReader::new(socket))
    }

    /// Returns the next line that starts with this, without it; `None` at the end of the stream.
    fn line(&mut self, start: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix(start) {
                return Some(rest.trim_end().to_owned());
            }
        }
    }

    /// Returns the data of the next message of this kind.
    fn message(&mut self, kind: &str) -> Option<Value> {
        while self.line("event: ")? != kind {}
        let data = self.line("data: ")?;
        Some(serde_json::from_str(&data).unwrap())
    }
}

#[test]
fn figures_come_each_second_and_events_from_where_the_reader_was() {
    let (mut demo, address) = start(&["demo", "--graph=pair", "--block-delay=1s"]);
    // Compressed messages would wait for each other.
    let mut stream = Stream::open(&address, "", "Accept-Encoding: gzip\r\n");
    assert_eq!(stream.line("HTTP/1.1 ").as_deref(), Some("200 OK"));
    let kind = stream.line("content-type: ").unwrap();
    assert_eq!(kind, "text/event-stream");
    let first = stream.message("status").unwrap();
    let second = stream.message("status").unwrap();
    let number = |status: &Value| status["snapshot"].as_u64().unwrap();
    assert!(number(&second) > number(&first), "{first} {second}");
    assert_eq!(second["changed"], json!([]));
    assert!(second["hash_rate"]["present"].is_number(), "{second}");
    let found = loop {
        let event = stream.message("event").unwrap();
        if event["name"] == json!("block_found") {
            break event;
        }
    };
    let id = found["id"].as_str().unwrap();
    let next = stream.message("event").unwrap();
    for mut again in [
        Stream::open(&address, "", &format!("Last-Event-ID: {id}\r\n")),
        Stream::open(&address, &format!("?after={id}"), ""),
    ] {
        assert_eq!(again.message("event").unwrap(), next);
    }
    // All events are new after one of another run.
    let mut again = Stream::open(&address, "", "Last-Event-ID: 1-7\r\n");
    let oldest = again.message("event").unwrap();
    assert_eq!(oldest["name"], json!("connecting"));

    demo.signal(Signal::TERM);
    while stream.message("status").is_some() {}
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn a_hundred_slow_readers_do_no_harm_and_more_are_refused() {
    let (mut client, address) = start(&NO_NODE);
    let slow: Vec<Stream> = (0..100)
        .map(|_| {
            let mut stream = Stream::open(&address, "", "");
            assert_eq!(stream.line("HTTP/1.1 ").as_deref(), Some("200 OK"));
            stream
        })
        .collect();
    let refused = get(&address, "/api/v1/stream");
    assert_eq!(refused.status, 503);
    assert!(refused.json()["hint"].as_str().unwrap().contains("status"));
    let before = number_of_snapshot(&address);
    until(&client, || number_of_snapshot(&address) >= before + 3);
    drop(slow);
    // The end of a connection is noticed at the next message.
    until(&client, || get_head(&address) == 200);
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
}

fn number_of_snapshot(address: &str) -> u64 {
    let status = get(address, "/api/v1/status").json();
    status["snapshot"].as_u64().unwrap()
}

/// Returns the status of a stream that is opened and closed.
fn get_head(address: &str) -> u16 {
    let status = Stream::open(address, "", "").line("HTTP/1.1 ").unwrap();
    status[..3].parse().unwrap()
}
