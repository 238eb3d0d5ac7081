//! The tips of the chains as far as they are known: between two answers, a report of a new tip is
//! taken for one more block.

use std::time::{Duration, Instant};

/// The time in which a node reports one block several times.
const REPORTS_OF_A_BLOCK: Duration = Duration::from_secs(1);

/// The tip of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tip {
    /// Its height.
    pub(super) height: Option<u64>,
    /// When it became the tip, unless that was before the chain was watched.
    pub(super) changed: Option<Instant>,
}

impl Tip {
    /// The update stream reported a new tip.
    pub(super) fn reported(&mut self, now: Instant) {
        if !self.is_new(now) {
            self.height = self.height.map(|height| height.saturating_add(1));
            self.changed = Some(now);
        }
    }

    /// An answer showed the height of the tip.
    pub(super) fn shown(&mut self, now: Instant, requested: Instant, height: u64) {
        match self.height {
            Some(known) if height > known && !self.is_new(now) => self.changed = Some(now),
            // It may be older than the report.
            Some(known) if height < known && self.changed.is_some_and(|at| requested <= at) => {
                return;
            }
            _ => {}
        }
        self.height = Some(height);
    }

    fn is_new(&self, now: Instant) -> bool {
        let is_new = |at| now.saturating_duration_since(at) < REPORTS_OF_A_BLOCK;
        self.changed.is_some_and(is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_reports_of_a_block_are_one_and_answers_correct_the_height() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut tip = Tip::default();
        tip.shown(at(0), at(0), 7);
        assert_eq!((tip.height, tip.changed), (Some(7), None));
        tip.reported(at(5000));
        tip.reported(at(5100));
        tip.shown(at(5200), at(5150), 8);
        assert_eq!((tip.height, tip.changed), (Some(8), Some(at(5000))));
        // Requested before the report.
        tip.reported(at(9000));
        tip.shown(at(9100), at(8990), 8);
        assert_eq!(tip.height, Some(9));
        // A report without a block, and a block without a report.
        tip.shown(at(9300), at(9200), 8);
        assert_eq!((tip.height, tip.changed), (Some(8), Some(at(9000))));
        tip.shown(at(12_000), at(11_900), 10);
        assert_eq!((tip.height, tip.changed), (Some(10), Some(at(12_000))));
    }
}
