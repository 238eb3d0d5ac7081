//! Finds out that a device reports only hashes better than asked for.
//!
//! Chips have a filter of their own (a ticket mask). Of the hashes that meet a target, difficulty asked over difficulty
//! found is uniform on (0, 1), so fifty in a row below 0.6 are no accident (10^-11). Every one of those shares then stands
//! for the filter's difficulty and not for the one asked for: who credits less takes the device for slower, lowers the
//! level, and so on down.

/// So many shares in a row decide.
const RUN: u32 = 50;

/// The largest part of what was asked that a share of the run may be.
const LARGEST: f64 = 0.6;

#[derive(Clone, Copy, Debug)]
pub(super) struct TicketMask {
    /// The number of shares in a row below [`LARGEST`].
    run: u32,
    /// The difficulty of the easiest hash of the run: the filter's, or a little more.
    easiest: f64,
}

impl Default for TicketMask {
    fn default() -> Self {
        Self {
            run: 0,
            easiest: f64::INFINITY,
        }
    }
}

impl TicketMask {
    /// Looks at a share that was asked for at one difficulty and found at another.
    pub(super) fn observe(&mut self, asked: f64, found: f64) {
        if self.difficulty().is_some() && self.passed(asked).is_none() {
            // A target as hard as the filter says nothing of it.
            return;
        }
        if asked < LARGEST * found {
            self.run = self.run.saturating_add(1).min(RUN);
            self.easiest = self.easiest.min(found);
        } else {
            *self = Self::default();
        }
    }

    /// The difficulty of the device's filter, once it is known.
    pub(super) fn difficulty(&self) -> Option<f64> {
        (self.run >= RUN).then_some(self.easiest)
    }

    /// The difficulty that a hash of the device has passed if that is more than `asked`.
    pub(super) fn passed(&self, asked: f64) -> Option<f64> {
        self.difficulty().filter(|filter| asked < LARGEST * filter)
    }
}

#[cfg(test)]
mod tests {
    use super::TicketMask;

    fn observe(mask: &mut TicketMask, asked: f64, parts: impl IntoIterator<Item = f64>) {
        for part in parts {
            mask.observe(asked, asked / part);
        }
    }

    #[test]
    fn fifty_shares_all_better_than_asked_reveal_the_filter() {
        let mut mask = TicketMask::default();
        observe(&mut mask, 100.0, [0.2; 48]);
        observe(&mut mask, 100.0, [0.25]);
        assert_eq!(mask.difficulty(), None);
        observe(&mut mask, 100.0, [0.1]);
        assert_eq!(mask.difficulty(), Some(400.0));
        assert_eq!(mask.passed(100.0), Some(400.0));
        assert_eq!(mask.passed(200.0), Some(400.0));
        // Harder targets than the filter are what they say.
        assert_eq!(mask.passed(400.0), None);
        assert_eq!(mask.passed(800.0), None);
    }

    #[test]
    fn one_ordinary_share_starts_the_count_anew() {
        let mut mask = TicketMask::default();
        observe(&mut mask, 100.0, [0.2; 49]);
        observe(&mut mask, 100.0, [0.7]);
        observe(&mut mask, 100.0, [0.2; 49]);
        assert_eq!(mask.difficulty(), None);
    }

    #[test]
    fn a_filter_is_kept_while_the_target_is_harder_and_forgotten_when_refuted() {
        let mut mask = TicketMask::default();
        observe(&mut mask, 100.0, [0.25; 50]);
        observe(&mut mask, 1000.0, [0.9; 10]);
        assert_eq!(mask.difficulty(), Some(400.0));
        observe(&mut mask, 100.0, [0.9]);
        assert_eq!(mask.difficulty(), None);
    }
}
