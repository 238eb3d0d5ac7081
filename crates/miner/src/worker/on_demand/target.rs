//! The target of one chain: the height that it has to reach in the node's cut.
//!
//! A count of blocks becomes a height with the first cut that is requested after it, because the
//! chain may have grown before. A block that is lost is therefore made again, and blocks of other
//! miners count. If the chain is reset below the height at which the target was set, the target
//! falls with it, so no more blocks are made than were requested.

use std::collections::VecDeque;
use std::time::Instant;

/// The blocks requested on one chain.
#[derive(Debug, Default)]
pub(super) struct ChainTarget {
    /// All blocks ever requested.
    pub(super) requested: u64,
    /// The blocks not yet part of the target, and the time after which a cut counts for
    /// them. Three entries at most: the last one grows while others wait for a cut.
    unplaced: VecDeque<(Option<Instant>, u64)>,
    /// The height in the last cut.
    height: u64,
    target: u64,
    /// The number of blocks that the target was above the height when it was set; 0 once reached.
    max: u64,
}

impl ChainTarget {
    pub(super) fn outstanding(&self) -> u64 {
        let placed = self.target.saturating_sub(self.height);
        placed + self.unplaced.iter().map(|(_, count)| count).sum::<u64>()
    }

    /// Returns the target height, or `None` if there is none or it is reached.
    pub(super) fn height(&self) -> Option<u64> {
        (self.height < self.target).then_some(self.target)
    }

    /// Whether blocks wait for a cut to become part of the target.
    pub(super) fn is_unplaced(&self) -> bool {
        !self.unplaced.is_empty()
    }

    pub(super) fn add(&mut self, now: Instant, mut count: u64) {
        self.requested += count;
        // The first entry is not postponed: a cut for it may be on its way.
        if self.unplaced.len() > 1 {
            count += self.unplaced.pop_back().map_or(0, |(_, count)| count);
        }
        self.unplaced.push_back((Some(now), count));
    }

    /// Updates the target by the height of the chain. Only one that was requested, at `requested`,
    /// makes a target of counts before it.
    pub(super) fn update(&mut self, requested: Option<Instant>, height: u64) {
        self.height = height;
        self.target = self.target.min(height.saturating_add(self.max));
        if self.target <= height {
            self.max = 0;
        }
        let is_due =
            |entry: &mut (Option<Instant>, u64)| requested.is_some() && entry.0 <= requested;
        while let Some((_, count)) = self.unplaced.pop_front_if(is_due) {
            self.target = self.target.max(height).saturating_add(count);
            self.max = self.target - height;
        }
    }

    /// Makes a count of the target again, because its height is one of another network.
    pub(super) fn unplace(&mut self) {
        let placed = self.target.saturating_sub(self.height);
        if placed > 0 {
            self.unplaced.push_front((None, placed));
        }
        self.target = 0;
    }
}
