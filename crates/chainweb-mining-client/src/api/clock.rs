//! Moments as milliseconds since the Unix epoch.

use std::time::{Duration, Instant, SystemTime};

/// The least change of the wall clock that is followed: smaller ones would make a moment another
/// number in each answer.
const STEP_MS: i64 = 500;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    at: Instant,
    unix_ms: i64,
}

impl Clock {
    pub(super) fn new(at: Instant, wall: SystemTime) -> Self {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            at,
            unix_ms: since.map_or(0, milliseconds),
        }
    }

    /// Follows the wall clock if it was set.
    pub(super) fn follow(&mut self, now: Self) {
        if self.unix_ms(now.at).abs_diff(now.unix_ms) >= STEP_MS.unsigned_abs() {
            *self = now;
        }
    }

    /// Returns a moment in milliseconds since the Unix epoch.
    pub(super) fn unix_ms(&self, moment: Instant) -> i64 {
        let later = milliseconds(moment.saturating_duration_since(self.at));
        let earlier = milliseconds(self.at.saturating_duration_since(moment));
        self.unix_ms + later - earlier
    }
}

fn milliseconds(time: Duration) -> i64 {
    time.as_millis().try_into().unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use super::Clock;

    #[test]
    fn moments_follow_the_wall_clock_only_when_it_is_set() {
        let start = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(100_000);
        let second = Duration::from_secs(1);
        let mut clock = Clock::new(start, wall);
        assert_eq!(clock.unix_ms(start + second), 100_001_000);
        clock.follow(Clock::new(start + second, wall + second + second / 4));
        assert_eq!(clock.unix_ms(start), 100_000_000, "slewed");
        let hour = Duration::from_hours(1);
        clock.follow(Clock::new(start + second, wall + second - hour));
        assert_eq!(clock.unix_ms(start), 100_000_000 - 3_600_000, "set back");
    }
}
