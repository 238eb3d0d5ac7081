//! The text of the metrics for all readers, made at most once a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use miner::history::wall_clock;
use miner::telemetry::Snapshot;

use super::{Facts, Format, NamedWorkers, Process, render};

/// The time for which a text is served. The state changes about once a second.
const FRESH: Duration = Duration::from_secs(1);

/// The text of the metrics, in each format.
#[derive(Debug)]
pub struct Page {
    started: SystemTime,
    // Locked while a text is made, for some milliseconds.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    named: NamedWorkers,
    texts: Vec<(Format, Instant, Bytes)>,
}

impl Default for Page {
    /// Creates a page of a program that starts now.
    fn default() -> Self {
        Self {
            started: wall_clock(),
            state: Mutex::default(),
        }
    }
}

impl Page {
    /// Returns the text at `now`, by both clocks. With thousands of workers and connections, making
    /// it takes some milliseconds: call it on a thread that may block.
    pub fn text(
        &self,
        (at, now): (Instant, SystemTime),
        snapshot: &Arc<Snapshot>,
        is_ready: bool,
        format: Format,
    ) -> Bytes {
        // No panic leaves the state half changed.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |made: &Instant| at.saturating_duration_since(*made) < FRESH;
        state.texts.retain(|(_, made, _)| is_fresh(made));
        if let Some((_, _, text)) = state.texts.iter().find(|(of, _, _)| *of == format) {
            return text.clone();
        }
        let devices = snapshot.devices.as_deref();
        let facts = Facts {
            workers: devices.map(|devices| state.named.select(devices)),
            process: Process::read(),
            is_ready,
            started: self.started,
            at,
            now,
            snapshot: Arc::clone(snapshot),
        };
        let text = Bytes::from(render(facts, format));
        state.texts.push((format, at, text.clone()));
        text
    }
}
