//! How much a client may send: so many lines at once, and so many a second in the long run.

use std::time::Instant;

use crate::SessionLimits;

/// So many bytes weigh as much as a line, so that blank ones do not come for free.
const BYTES_OF_A_LINE: f32 = 512.0;

/// What is left to a client.
#[derive(Debug)]
pub(super) struct Allowance {
    lines: f32,
    at: Instant,
}

/// There is nothing left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UsedUp;

impl Allowance {
    pub(super) fn new(now: Instant, limits: &SessionLimits) -> Self {
        Self {
            lines: limits.burst as f32,
            at: now,
        }
    }

    pub(super) fn spend_bytes(
        &mut self,
        now: Instant,
        bytes: usize,
        limits: &SessionLimits,
    ) -> Result<(), UsedUp> {
        self.spend(now, bytes as f32 / BYTES_OF_A_LINE, limits)
    }

    pub(super) fn spend_line(
        &mut self,
        now: Instant,
        limits: &SessionLimits,
    ) -> Result<(), UsedUp> {
        self.spend(now, 1.0, limits)
    }

    fn spend(&mut self, now: Instant, lines: f32, limits: &SessionLimits) -> Result<(), UsedUp> {
        if now > self.at {
            let elapsed = now.duration_since(self.at).as_secs_f32();
            let earned = elapsed * limits.lines_per_second as f32;
            self.at = now;
            self.lines = (self.lines + earned).min(limits.burst as f32);
        }
        self.lines -= lines;
        if self.lines < 0.0 {
            Err(UsedUp)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Allowance, UsedUp};
    use crate::SessionLimits;

    #[test]
    fn a_burst_is_allowed_and_earned_again() {
        let limits = SessionLimits {
            lines_per_second: 10,
            burst: 20,
            ..SessionLimits::default()
        };
        let start = Instant::now();
        let mut allowance = Allowance::new(start, &limits);
        for _ in 0..20 {
            assert_eq!(allowance.spend_line(start, &limits), Ok(()));
        }
        let later = start + Duration::from_secs(1);
        for _ in 0..10 {
            assert_eq!(allowance.spend_line(later, &limits), Ok(()));
        }
        assert_eq!(allowance.spend_line(later, &limits), Err(UsedUp));
        let much_later = later + Duration::from_secs(1000);
        assert_eq!(allowance.spend_bytes(much_later, 512 * 20, &limits), Ok(()));
        assert_eq!(allowance.spend_bytes(much_later, 512, &limits), Err(UsedUp));
    }
}
