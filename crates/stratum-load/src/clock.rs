//! Times of the monotonic clock, comparable between the processes of a machine.
//!
//! `Instant` reads the same clock but cannot be sent to another process. The server process sends
//! the time zero of each fan-out.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A time of `CLOCK_MONOTONIC`, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(u64);

impl Moment {
    /// Returns the time `nanos` nanoseconds after the clock's start.
    #[cfg(test)]
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Reads the clock.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(time.tv_sec).expect("the monotonic clock is not negative");
        let nanos = u64::try_from(time.tv_nsec).expect("the monotonic clock is not negative");
        Self(seconds * 1_000_000_000 + nanos)
    }

    /// Returns the time since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(by))
    }
}

/// Parses a time longer than zero, such as `10s`.
///
/// # Errors
/// Returns the error as a text for the command line.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("must be longer than zero".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
