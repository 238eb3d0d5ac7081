//! Log lines as data: the names and values that the log writes, for readers of other kinds.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::dispatcher::{Dispatch, with_default};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

use super::format::Fields;

/// A line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its level.
    pub(crate) level: Level,
    /// Its fields, `event` and `message` among them.
    pub(crate) fields: Vec<(&'static str, Value)>,
}

/// Takes what is logged at level `info` and above, instead of the log.
#[derive(Debug)]
pub(crate) struct Capture {
    dispatch: Dispatch,
    lines: Lines,
}

#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

impl Capture {
    pub(crate) fn new() -> Self {
        let lines = Lines::default();
        let subscriber = registry().with(LevelFilter::INFO).with(lines.clone());
        Self {
            dispatch: Dispatch::new(subscriber),
            lines,
        }
    }

    /// Returns what `log` logs on this thread. The log does not get it.
    pub(crate) fn lines(&self, log: impl FnOnce()) -> Vec<Line> {
        with_default(&self.dispatch, log);
        std::mem::take(&mut *self.lines.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = Line {
            level: *event.metadata().level(),
            fields: Fields::of(event).0,
        };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}
