//! What becomes of the blocks that a node has taken.
//!
//! An answer of success means that the node has read a solution, not that its block is in the cut. That shows later:
//! the block is in the cut if it stands at its height on the branch below the tip of its chain. A verdict is final
//! once the branch is [`DEPTH`] blocks higher. Work with hashed adjacents gives no block hash and is not followed,
//! and counts as unknown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Instant;

use chainweb::{BlockHash, ChainId, WorkHeader};
use node::{Cut, Tip};
use tracing::{debug, info, warn};

use super::counters::BlockTally;
use crate::job::{Job, NodeId};
use crate::timing::Timing;

/// How many blocks on top of one make its place final; the protocol fixes no number.
const DEPTH: u64 = 6;
/// How many blocks are followed at a time. The oldest is given up for one more.
pub(super) const FOLLOWED: usize = 4096;
/// With so many, all are looked up without delay: a worker that makes blocks by the thousand would be over the limit
/// before the first look.
pub(super) const CROWD: usize = FOLLOWED / 2;
/// How often a block is looked for at shutdown before it counts as pending.
const FINAL_LOOKS: u8 = 5;

/// The blocks that are followed, and the count of those that are not any more.
#[derive(Debug, Default)]
pub(super) struct Fates {
    followed: VecDeque<Followed>,
    settled: BlockTally,
    /// Before when a crowd is not looked up once more.
    crowd_pause: Option<Instant>,
    /// How many blocks were given up since there was no room, until there is plenty again.
    given_up: u64,
    /// Whether the looks that are still made are the last ones.
    stopping: bool,
}

#[derive(Debug)]
struct Followed {
    node: NodeId,
    chain: ChainId,
    height: u64,
    hash: BlockHash,
    seen: Seen,
    next_look: Instant,
    /// Whether the branch below a tip was asked for and has not come yet.
    asked: bool,
    final_looks_left: u8,
}

/// What the last look showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    InCut,
    Replaced,
}

/// Whether a look told where the block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Told,
    InVain,
}

/// A question about the branch below a tip.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    pub(super) chain: ChainId,
    pub(super) tip: Tip,
    pub(super) heights: RangeInclusive<u64>,
}

impl Fates {
    /// Follows the block that the solved header makes.
    pub(super) fn follow(&mut self, now: Instant, timing: &Timing, job: &Job, header: &WorkHeader) {
        let Some(hash) = header.block_hash() else {
            self.lose_sight();
            return;
        };
        if self.followed.len() == FOLLOWED
            && let Some(oldest) = self.followed.pop_front()
        {
            self.give_up(&oldest);
        }
        self.followed.push_back(Followed {
            node: job.node,
            chain: job.chain(),
            height: header.height(),
            hash,
            seen: Seen::Nothing,
            next_look: now
                + if self.stopping {
                    timing.retry_min
                } else {
                    timing.fate_first
                },
            asked: false,
            final_looks_left: FINAL_LOOKS,
        });
        self.hurry_crowd(now, timing);
    }

    /// Makes a look at all blocks due if there are many.
    fn hurry_crowd(&mut self, now: Instant, timing: &Timing) {
        if self.followed.len() >= CROWD && self.crowd_pause.is_none_or(|pause| pause <= now) {
            self.crowd_pause = Some(now + timing.retry_min);
            for block in &mut self.followed {
                block.next_look = block.next_look.min(now);
            }
        }
    }

    /// Counts a block that cannot be looked up.
    pub(super) fn lose_sight(&mut self) {
        self.settled.unknown += 1;
    }

    /// The node serves another network: what it was last seen to have become of the blocks stands.
    pub(super) fn network_changed(&mut self, node: NodeId) {
        let settled = &mut self.settled;
        self.followed.retain(|block| {
            let stays = block.node != node;
            if !stays {
                settled.settle(block.seen);
            }
            stays
        });
        self.tell_given_up();
    }

    /// Looks once more at every block, soon.
    pub(super) fn take_final_look(&mut self, now: Instant) {
        self.stopping = true;
        for block in &mut self.followed {
            block.next_look = now;
        }
    }

    /// Makes no more final looks at the blocks of a node that does not answer.
    pub(super) fn abandon_final_looks(&mut self, node: NodeId) {
        for block in self.followed.iter_mut().filter(|block| block.node == node) {
            block.final_looks_left = 0;
        }
    }

    /// Whether a look that was asked for before shutdown is still missing.
    pub(super) fn any_final_look_due(&self) -> bool {
        self.stopping && self.followed.iter().any(|block| block.final_looks_left > 0)
    }

    pub(super) fn is_look_due(&self, now: Instant, node: NodeId) -> bool {
        self.followed
            .iter()
            .any(|block| block.node == node && block.is_due(now))
    }

    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        self.followed
            .iter()
            .filter(|block| block.final_looks_left > 0 && !block.asked)
            .map(|block| block.next_look)
    }

    /// Compares the blocks that are due with the tips of a cut; gives the questions that a tip does not answer.
    pub(super) fn cut(
        &mut self,
        now: Instant,
        timing: &Timing,
        node: NodeId,
        cut: &Cut,
    ) -> Vec<Lookup> {
        self.forget_begun_anew(node, cut);
        let being_asked: BTreeSet<ChainId> = self
            .followed
            .iter()
            .filter(|block| block.node == node && block.asked)
            .map(|block| block.chain)
            .collect();
        let mut below: BTreeMap<ChainId, (Tip, BTreeSet<u64>)> = BTreeMap::new();
        for block in self
            .followed
            .iter_mut()
            .filter(|block| block.node == node && block.is_due(now))
        {
            match cut.tip(block.chain) {
                Some(tip) if tip.height > block.height => {
                    if being_asked.contains(&block.chain) {
                        continue;
                    }
                    below
                        .entry(block.chain)
                        .or_insert((tip, BTreeSet::new()))
                        .1
                        .insert(block.height);
                    block.asked = true;
                }
                Some(tip) if tip.height == block.height => {
                    block.looked_at(tip.hash, 0);
                    block.look_again(now, timing, self.stopping, Look::Told);
                }
                _ => block.look_again(now, timing, self.stopping, Look::InVain),
            }
        }
        below
            .into_iter()
            .filter_map(|(chain, (tip, heights))| {
                let heights = *heights.first()?..=*heights.last()?;
                Some(Lookup {
                    chain,
                    tip,
                    heights,
                })
            })
            .collect()
    }

    /// Takes in the blocks on the branch below a tip, by height.
    pub(super) fn ancestors(
        &mut self,
        now: Instant,
        timing: &Timing,
        node: NodeId,
        chain: ChainId,
        tip_height: u64,
        hashes: &BTreeMap<u64, BlockHash>,
    ) {
        let stopping = self.stopping;
        let mut settled = Vec::new();
        self.followed.retain_mut(|block| {
            if (block.node, block.chain) != (node, chain) {
                return true;
            }
            let asked = std::mem::take(&mut block.asked);
            let Some(there) = hashes.get(&block.height) else {
                if asked {
                    block.look_again(now, timing, stopping, Look::InVain);
                }
                return true;
            };
            let depth = tip_height.saturating_sub(block.height);
            block.looked_at(*there, depth);
            block.look_again(now, timing, stopping, Look::Told);
            if depth >= DEPTH {
                settled.push((block.seen, block.chain, block.height, block.hash));
            }
            depth < DEPTH
        });
        for (seen, chain, height, block) in settled {
            self.count(seen);
            match seen {
                Seen::InCut => debug!(%chain, height, %block, depth = DEPTH, "block confirmed"),
                _ => info!(%chain, height, %block, "block orphaned: another stands in its place"),
            }
        }
        self.tell_given_up();
    }

    /// A tip so far below a block shows that its chain was begun anew, as those of a development network are: what was last
    /// seen of the block stands.
    fn forget_begun_anew(&mut self, node: NodeId, cut: &Cut) {
        let settled = &mut self.settled;
        self.followed.retain(|block| {
            let is_far_below = |tip: Tip| tip.height + DEPTH < block.height;
            let is_gone = block.node == node && cut.tip(block.chain).is_some_and(is_far_below);
            if is_gone {
                settled.settle(block.seen);
            }
            !is_gone
        });
    }

    /// The branch could not be had: the blocks on the chain are looked up again later.
    pub(super) fn lookup_failed(
        &mut self,
        now: Instant,
        timing: &Timing,
        node: NodeId,
        chain: ChainId,
    ) {
        let stopping = self.stopping;
        for block in self
            .followed
            .iter_mut()
            .filter(|block| block.node == node && block.chain == chain)
            .filter(|block| block.asked)
        {
            block.asked = false;
            block.look_again(now, timing, stopping, Look::InVain);
        }
    }

    /// What became of all blocks, as far as is known.
    pub(super) fn tally(&self) -> BlockTally {
        let mut tally = self.settled;
        for block in &self.followed {
            tally.add(block.seen);
        }
        tally
    }

    fn count(&mut self, seen: Seen) {
        self.settled.settle(seen);
    }

    fn give_up(&mut self, block: &Followed) {
        if self.given_up == 0 {
            warn!(
                followed = FOLLOWED,
                "too many blocks wait for their node to show what became of them: the oldest are no longer followed"
            );
        }
        self.given_up += 1;
        debug!(chain = %block.chain, height = block.height, block = %block.hash, "block no longer followed");
        self.count(block.seen);
    }

    /// Tells how many blocks were given up once there is plenty of room.
    fn tell_given_up(&mut self) {
        if self.given_up > 0 && self.followed.len() < CROWD {
            let blocks = std::mem::take(&mut self.given_up);
            warn!(
                blocks,
                "there is room to follow blocks again; so many were given up"
            );
        }
    }
}

impl BlockTally {
    fn add(&mut self, seen: Seen) {
        match seen {
            Seen::Nothing => self.pending += 1,
            Seen::InCut => self.in_cut += 1,
            Seen::Replaced => self.orphaned += 1,
        }
    }

    /// Counts a block that is not followed any more.
    fn settle(&mut self, seen: Seen) {
        match seen {
            Seen::Nothing => self.unknown += 1,
            seen => self.add(seen),
        }
    }
}

impl Followed {
    fn is_due(&self, now: Instant) -> bool {
        !self.asked && self.final_looks_left > 0 && self.next_look <= now
    }

    fn looked_at(&mut self, there: BlockHash, depth: u64) {
        let seen = if there == self.hash {
            Seen::InCut
        } else {
            Seen::Replaced
        };
        if seen != self.seen {
            debug!(chain = %self.chain, height = self.height, block = %self.hash, depth, in_cut = seen == Seen::InCut, "block looked up");
        }
        self.seen = seen;
    }

    fn look_again(&mut self, now: Instant, timing: &Timing, stopping: bool, look: Look) {
        self.next_look = now
            + if stopping {
                timing.retry_min
            } else {
                timing.fate_interval
            };
        if stopping {
            self.final_looks_left = match look {
                Look::Told => 0,
                Look::InVain => self.final_looks_left.saturating_sub(1),
            };
        }
    }
}
