//! The latest events, as the log writes them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use miner::telemetry::{Snapshot, log_event};
use serde_json::{Map, Value};

use super::answer;
use super::clock::Clock;
use super::model::event::Event;
use crate::logging::capture::{Capture, Line};

/// The most events that are kept.
const KEPT: usize = 256;

/// An event, as a part of a document and as a message of the stream.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) event: Event,
    pub(super) message: Bytes,
}

/// The latest events with at least the severity `info`, oldest first.
pub(super) type Latest = VecDeque<Arc<Written>>;

/// Follows the events of snapshots.
#[derive(Debug)]
pub(super) struct Events {
    capture: Capture,
    latest: Arc<Latest>,
    /// The first event that was not seen yet.
    next: u64,
    /// Distinguishes events with the same number of different runs.
    run: i64,
}

impl Events {
    pub(super) fn new(run: i64) -> Self {
        Self {
            capture: Capture::new(),
            latest: Arc::default(),
            next: 0,
            run,
        }
    }

    /// Takes up what a snapshot has of new events, and returns the latest.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, clock: &Clock) -> Arc<Latest> {
        for record in &snapshot.events {
            if record.sequence < self.next {
                continue;
            }
            self.next = record.sequence + 1;
            let log = || log_event(&record.event, &snapshot.program, &snapshot.nodes);
            for line in self.capture.lines(log) {
                let time = clock.unix_ms(record.at);
                let written = Arc::new(written(self.run, record.sequence, time, line));
                let latest = Arc::make_mut(&mut self.latest);
                if latest.len() == KEPT {
                    latest.pop_front();
                }
                latest.push_back(written);
            }
        }
        Arc::clone(&self.latest)
    }
}

fn written(run: i64, sequence: u64, time_unix_ms: i64, line: Line) -> Written {
    let mut fields: Map<String, Value> = line
        .fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let mut take = |name| match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let event = Event {
        id: format!("{run}-{sequence}"),
        sequence,
        time_unix_ms,
        severity: line.level.as_str().to_lowercase(),
        name: take("event"),
        message: take("message"),
        fields,
    };
    let json = answer::bytes(&event);
    let head = format!("id: {}\nevent: event\ndata: ", event.id);
    let message = [head.as_bytes(), &json, b"\n\n"].concat().into();
    Written { event, message }
}
