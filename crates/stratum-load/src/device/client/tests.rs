//! Transcripts: lines of a server, and the device's reaction and violations.

mod lines;
mod login;
mod session;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::device::client::{Client, Output};
use crate::device::config::{DeviceConfig, Login};
use crate::device::firmware::{Firmware, FirmwareName, LoginOrder, Segments};
use crate::device::report::{DeviceReport, Fault};
use crate::device::rules::Rule;
use crate::synthetic::work;

/// An input of a device.
enum Event {
    /// A line from the server.
    Line(String),
    /// A found share of the hashed job.
    Share,
    /// Passing time.
    Pass(Duration),
    /// All nonces have been tried.
    Exhausted,
    /// The server closes the connection.
    Lost,
}

use Event::{Exhausted, Lost, Pass, Share};

fn line(text: impl Into<String>) -> Event {
    Event::Line(text.into())
}

fn subscribed() -> Event {
    line(r#"{"result":[null,"09e8",6],"error":null,"id":1}"#)
}

fn authorized() -> Event {
    line(r#"{"result":true,"error":null,"id":2}"#)
}

fn target() -> Event {
    line(format!(
        r#"{{"method":"mining.set_target","params":["00{}"],"id":null}}"#,
        "f".repeat(62)
    ))
}

fn header(n: u64) -> String {
    const_hex::encode(work(n).header().as_bytes())
}

fn notify(id: &str, n: u64) -> Event {
    notify_header(id, &header(n))
}

/// A job of the same work with another creation time, flags and nonce.
fn refresh(id: &str, n: u64) -> Event {
    let header = header(n);
    let rest = &header[32..header.len() - 16];
    notify_header(id, &format!("{}{rest}{}", "01".repeat(16), "02".repeat(8)))
}

fn notify_header(id: &str, header: &str) -> Event {
    line(format!(
        r#"{{"method":"mining.notify","params":["{id}","{header}",true],"id":null}}"#
    ))
}

fn accepted(id: u64) -> Event {
    line(format!(r#"{{"result":true,"error":null,"id":{id}}}"#))
}

fn refused(id: u64, code: i64, reason: &str) -> Event {
    line(format!(
        r#"{{"result":false,"error":[{code},"{reason}",null],"id":{id}}}"#
    ))
}

/// Plays the events. Returns the device's outputs, one per line, and its report.
fn play(firmware: &Firmware, scale_bits: u32, events: Vec<Event>) -> (String, DeviceReport) {
    let login = Login {
        user: "k.rig".to_owned(),
        password: "x".to_owned(),
    };
    let config = DeviceConfig::scaled(firmware.clone(), login, scale_bits);
    let mut report = DeviceReport::default();
    let mut now = Instant::now();
    let (mut client, outputs) = Client::start(&config, &mut report, now);
    let mut transcript = String::new();
    let mut hashed = None;
    let mut write = |outputs: Vec<Output>| {
        for output in outputs {
            match output {
                Output::Send(bytes) => {
                    write!(transcript, "> {}", String::from_utf8_lossy(&bytes)).expect("text");
                }
                Output::Hash(work) => {
                    let height = work.header.height();
                    let (level, nonces) = (work.target.level(), work.nonces);
                    writeln!(
                        transcript,
                        "hash {} height {height} level {level} nonces {nonces}",
                        work.job_id
                    )
                    .expect("text");
                    hashed = Some(work);
                }
                Output::Disconnect => transcript.push_str("close\n"),
            }
        }
        hashed.as_ref().map(|work| work.found(0xabc))
    };
    let mut found = write(outputs);
    for event in events {
        let outputs = match event {
            Event::Line(text) => client.line(now, text.as_bytes()),
            Share => client.found(found.as_ref().expect("the device has work")),
            Pass(time) => {
                now += time;
                client.tick(now)
            }
            Exhausted => {
                client.exhausted();
                Vec::new()
            }
            Lost => {
                client.lost(Rule::Closed);
                Vec::new()
            }
        };
        found = write(outputs);
    }
    client.stop();
    (transcript, report)
}

fn rules(report: &DeviceReport) -> Vec<Rule> {
    report
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect()
}

#[track_caller]
fn check(name: FirmwareName, events: Vec<Event>, expected: &[&str]) {
    let (done, report) = play(&Firmware::new(name), 32, events);
    let done: Vec<&str> = done.lines().collect();
    assert_eq!(done, expected);
    assert_eq!(rules(&report), []);
}

/// Checks that events after a login break exactly one rule, and the last line of the transcript.
#[track_caller]
fn check_broken(name: FirmwareName, events: Vec<Event>, rule: Rule, ends: &str) {
    let before = vec![subscribed(), authorized(), target(), notify("1", 1)];
    let events = before.into_iter().chain(events).collect();
    let (done, report) = play(&Firmware::new(name), 32, events);
    assert_eq!(rules(&report), [rule]);
    assert_eq!(done.lines().next_back(), Some(ends));
}

/// The device still hashes the first job.
const HASHES_ON: &str = "hash 1 height 1 level 8 nonces 65536";
