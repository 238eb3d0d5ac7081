//! The limit on what a client may send: a token bucket of lines.

use std::time::Instant;

use crate::context::SessionLimits;

/// As many bytes count as one line, so blank lines are not free.
const BYTES_PER_LINE: f32 = 512.0;

/// The lines that a client may still send.
#[derive(Debug)]
pub(super) struct RateLimit {
    lines: f32,
    updated: Instant,
}

/// The client exceeds the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exceeded;

impl RateLimit {
    pub(super) fn new(now: Instant, limits: &SessionLimits) -> Self {
        Self {
            lines: limits.burst as f32,
            updated: now,
        }
    }

    pub(super) fn spend_bytes(
        &mut self,
        now: Instant,
        bytes: usize,
        limits: &SessionLimits,
    ) -> Result<(), Exceeded> {
        self.spend(now, bytes as f32 / BYTES_PER_LINE, limits)
    }

    pub(super) fn spend_line(
        &mut self,
        now: Instant,
        limits: &SessionLimits,
    ) -> Result<(), Exceeded> {
        self.spend(now, 1.0, limits)
    }

    fn spend(&mut self, now: Instant, lines: f32, limits: &SessionLimits) -> Result<(), Exceeded> {
        if now > self.updated {
            let elapsed = now.duration_since(self.updated).as_secs_f32();
            let earned = elapsed * limits.lines_per_second as f32;
            self.updated = now;
            self.lines = (self.lines + earned).min(limits.burst as f32);
        }
        self.lines -= lines;
        if self.lines < 0.0 {
            Err(Exceeded)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Exceeded, RateLimit};
    use crate::context::SessionLimits;

    #[test]
    fn a_burst_is_allowed_and_refilled() {
        let limits = SessionLimits {
            lines_per_second: 10,
            burst: 20,
            ..SessionLimits::default()
        };
        let start = Instant::now();
        let mut limit = RateLimit::new(start, &limits);
        for _ in 0..20 {
            assert_eq!(limit.spend_line(start, &limits), Ok(()));
        }
        let later = start + Duration::from_secs(1);
        for _ in 0..10 {
            assert_eq!(limit.spend_line(later, &limits), Ok(()));
        }
        assert_eq!(limit.spend_line(later, &limits), Err(Exceeded));
        let much_later = later + Duration::from_secs(1000);
        assert_eq!(limit.spend_bytes(much_later, 512 * 20, &limits), Ok(()));
        assert_eq!(limit.spend_bytes(much_later, 512, &limits), Err(Exceeded));
    }
}
