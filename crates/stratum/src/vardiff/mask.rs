//! Detects a device that reports only hashes harder than required.
//!
//! Mining chips filter hashes by a ticket mask. For hashes that meet a target, required over
//! achieved difficulty is uniform on (0, 1), so fifty in a row below 0.6 are no coincidence
//! (10^-11). Each of these shares then counts at the mask's difficulty. Crediting the required
//! difficulty would underestimate the device and lower its level, over and over.

/// The number of shares in a row that detect a mask.
const RUN: u32 = 50;

/// The largest ratio of required to achieved difficulty in such a run.
const MAX_RATIO: f64 = 0.6;

#[derive(Clone, Copy, Debug)]
pub(super) struct TicketMask {
    /// The number of shares in a row below [`MAX_RATIO`].
    run: u32,
    /// The lowest difficulty of the run: that of the mask, or a little more.
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
    /// Takes a share into account by its required and achieved difficulty.
    pub(super) fn observe(&mut self, required: f64, achieved: f64) {
        if self.difficulty().is_some() && self.above(required).is_none() {
            // A target as hard as the mask does not reveal it.
            return;
        }
        if required < MAX_RATIO * achieved {
            self.run = self.run.saturating_add(1).min(RUN);
            self.easiest = self.easiest.min(achieved);
        } else {
            *self = Self::default();
        }
    }

    /// Returns the difficulty of the mask, or `None` if none is detected.
    pub(super) fn difficulty(&self) -> Option<f64> {
        (self.run >= RUN).then_some(self.easiest)
    }

    /// Returns the difficulty of the mask if it is clearly above `required`.
    pub(super) fn above(&self, required: f64) -> Option<f64> {
        self.difficulty().filter(|mask| required < MAX_RATIO * mask)
    }
}

#[cfg(test)]
mod tests {
    use super::TicketMask;

    fn observe(mask: &mut TicketMask, required: f64, ratios: impl IntoIterator<Item = f64>) {
        for ratio in ratios {
            mask.observe(required, required / ratio);
        }
    }

    #[test]
    fn fifty_shares_all_harder_than_required_reveal_the_mask() {
        let mut mask = TicketMask::default();
        observe(&mut mask, 100.0, [0.2; 48]);
        observe(&mut mask, 100.0, [0.25]);
        assert_eq!(mask.difficulty(), None);
        observe(&mut mask, 100.0, [0.1]);
        assert_eq!(mask.difficulty(), Some(400.0));
        assert_eq!(mask.above(100.0), Some(400.0));
        assert_eq!(mask.above(200.0), Some(400.0));
        // The mask does not affect targets harder than itself.
        assert_eq!(mask.above(400.0), None);
        assert_eq!(mask.above(800.0), None);
    }

    #[test]
    fn one_ordinary_share_restarts_the_count() {
        let mut mask = TicketMask::default();
        observe(&mut mask, 100.0, [0.2; 49]);
        observe(&mut mask, 100.0, [0.7]);
        observe(&mut mask, 100.0, [0.2; 49]);
        assert_eq!(mask.difficulty(), None);
    }

    #[test]
    fn a_mask_is_kept_while_the_target_is_harder_and_dropped_when_refuted() {
        let mut mask = TicketMask::default();
        observe(&mut mask, 100.0, [0.25; 50]);
        observe(&mut mask, 1000.0, [0.9; 10]);
        assert_eq!(mask.difficulty(), Some(400.0));
        observe(&mut mask, 100.0, [0.9]);
        assert_eq!(mask.difficulty(), None);
    }
}
