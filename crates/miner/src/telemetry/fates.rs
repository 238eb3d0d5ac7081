//! How many blocks of ours reached each fate.

use std::collections::BTreeMap;

use super::event::{BlockEvent, Event};
use crate::history::Fate;
use crate::job::JobId;

/// The highest number of blocks whose fates are remembered: several times those that are tracked.
/// One more drops the oldest, whose fates could then be counted twice.
const MAX_BLOCKS: usize = 16 * 1024;

/// The counts, and the fates that each block of late has reached.
#[derive(Debug, Default)]
pub(super) struct Fates {
    counts: BTreeMap<Fate, u64>,
    /// A bit for each fate.
    reached: BTreeMap<JobId, u16>,
}

impl Fates {
    /// Counts the block of an event once for each fate, also if it comes to one again.
    pub(super) fn note(&mut self, event: &Event) {
        let fate = match event {
            Event::Block(block, event) => {
                if let BlockEvent::Restored { fate, .. } = event {
                    // An earlier run counted it up to here.
                    let bits = Fate::ALL.into_iter().filter(|of| of <= fate);
                    let bits = bits.fold(0, |bits, of| bits | 1 << of as u16);
                    self.reached.insert(block.job, bits);
                }
                let Some(fate) = fate(event) else {
                    return;
                };
                if self.reached.len() >= MAX_BLOCKS && !self.reached.contains_key(&block.job) {
                    self.reached.pop_first();
                }
                let reached = self.reached.entry(block.job).or_default();
                let bit = 1 << fate as u16;
                if *reached & bit != 0 {
                    return;
                }
                *reached |= bit;
                fate
            }
            Event::BlockLost { .. } => Fate::Lost,
            Event::BlockForgotten { .. } => Fate::Untracked,
            _ => return,
        };
        *self.counts.entry(fate).or_default() += 1;
    }

    /// Returns the number of blocks that reached each fate.
    pub(super) fn counts(&self) -> BTreeMap<Fate, u64> {
        let count = |fate| (fate, self.counts.get(&fate).copied().unwrap_or(0));
        Fate::ALL.map(count).into()
    }
}

/// Returns the fate of a block after an event.
pub fn fate(event: &BlockEvent) -> Option<Fate> {
    Some(match event {
        BlockEvent::Restored { .. } | BlockEvent::SubmissionFailed { .. } => return None,
        BlockEvent::Found { .. } => Fate::Found,
        BlockEvent::Submitted { .. } => Fate::Submitted,
        BlockEvent::SubmissionUncertain { .. } => Fate::Uncertain,
        BlockEvent::Accepted => Fate::Accepted,
        BlockEvent::Displaced { .. } => Fate::Displaced,
        BlockEvent::Confirmed { .. } => Fate::Confirmed,
        BlockEvent::Orphaned { .. } => Fate::Orphaned,
        BlockEvent::Rejected { .. }
        | BlockEvent::RejectedWithoutPow
        | BlockEvent::RejectedLikeAll => Fate::Rejected,
        BlockEvent::Stale => Fate::Stale,
        BlockEvent::Untracked { .. } => Fate::Untracked,
    })
}
