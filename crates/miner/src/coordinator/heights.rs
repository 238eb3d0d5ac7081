//! The heights of the chains of a node that does not serve its cut, by headers of work and by
//! accepted submissions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chainweb::ChainId;

use crate::demand::{Heights, Source};

/// The highest number of chains whose heights are kept.
const MAX_HEIGHTS: usize = 512;

/// What is known of each chain.
#[derive(Debug, Default)]
pub(super) struct HeightsOfWork(BTreeMap<ChainId, Known>);

#[derive(Debug, Default)]
struct Known {
    height: u64,
    /// When the latest work on the chain was requested.
    requested: Option<Instant>,
    /// When the node accepted a block of ours at this height.
    accepted: Option<Instant>,
}

impl HeightsOfWork {
    /// Returns what is known of a chain; `None` of a new one if there are too many.
    fn of(&mut self, chain: ChainId) -> Option<&mut Known> {
        let has_room = self.0.len() < MAX_HEIGHTS || self.0.contains_key(&chain);
        has_room.then(|| self.0.entry(chain).or_default())
    }

    /// Work on the chain extends this height. Returns whether this counts: work on the parent of a
    /// block that was accepted less than `settling` ago may be older than the block.
    pub(super) fn read(
        &mut self,
        now: Instant,
        settling: Duration,
        chain: ChainId,
        height: u64,
        requested: Option<Instant>,
    ) -> bool {
        let Some(known) = self.of(chain) else {
            return false;
        };
        if known.accepted.is_some_and(|at| now < at + settling) && height < known.height {
            return false;
        }
        let accepted = known.accepted.filter(|_| height == known.height);
        *known = Known {
            height,
            requested: requested.max(known.requested),
            accepted,
        };
        true
    }

    /// The chain has at least this height: work on an adjacent chain refers to its block.
    pub(super) fn at_least(&mut self, chain: ChainId, height: u64) {
        if let Some(known) = self.of(chain) {
            known.height = known.height.max(height);
        }
    }

    /// The node accepted a block of ours.
    pub(super) fn accepted(&mut self, now: Instant, chain: ChainId, height: u64) {
        if let Some(known) = self.of(chain)
            && known.height < height
        {
            known.height = height;
            known.accepted = Some(now);
        }
    }

    pub(super) fn heights(&self) -> Heights {
        let requested = self.0.iter();
        let requested = requested.filter_map(|(chain, known)| Some((*chain, known.requested?)));
        Heights {
            source: Source::Work(requested.collect()),
            of: self
                .0
                .iter()
                .map(|(chain, known)| (*chain, known.height))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_chains_have_heights() {
        let now = Instant::now();
        let mut known = HeightsOfWork::default();
        for chain in (0..2000).map(ChainId::new) {
            known.read(now, Duration::ZERO, chain, 1, Some(now));
            known.at_least(ChainId::new(10_000 + chain.get()), 1);
            known.accepted(now, ChainId::new(20_000 + chain.get()), 1);
        }
        assert_eq!(known.heights().of.len(), MAX_HEIGHTS);
        // Those of known chains change further.
        assert!(known.read(now, Duration::ZERO, ChainId::new(0), 2, None));
        assert_eq!(known.heights().of[&ChainId::new(0)], 2);
    }
    #[test]
    fn work_below_a_block_of_ours_counts_only_once_it_has_settled() {
        let now = Instant::now();
        let (settling, chain) = (Duration::from_secs(2), ChainId::new(0));
        let mut known = HeightsOfWork::default();
        known.accepted(now, chain, 5);
        let mut read = |after, height| {
            let counts = known.read(now + after, settling, chain, height, None);
            (counts, known.heights().of[&chain])
        };
        let almost = settling
            .checked_sub(Duration::from_millis(1))
            .expect("longer");
        assert_eq!(read(almost, 5), (true, 5), "the height of the block");
        assert_eq!(read(almost, 4), (false, 5));
        assert_eq!(read(settling, 4), (true, 4));
        assert_eq!(read(settling, 3), (true, 3), "there is no block of ours");
    }
}
