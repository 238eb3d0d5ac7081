//! The miners elsewhere in the network, taken together.
//!
//! They work on one chain at a time, chosen uniformly among those that can be extended, and find a block after an
//! exponential time, as hashing does. Nothing is hashed: their blocks are exempt from proof of work. When somebody
//! else extends their chain they choose anew; exponential times have no memory, so no work is lost by that.

use std::time::Duration;

use chainweb::{
    BlockHash, BlockHeader, ChainId, CreationTime, Nonce, PayloadHash, Target, next_header,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::consensus::creation_time;
use super::payload::payload_hash;
use super::timers::{Timer, TimerKey, Timers};
use super::{MoveError, Network};

/// No hash rate makes blocks faster than this: a chain's times are microseconds apart.
const MINIMUM_SOLVE_TIME: Duration = Duration::from_micros(100);

/// Sets their choices apart from the node's, which depend on what clients do.
const STREAM: u64 = 0x666f_7265_6967_6e00;

#[derive(Debug)]
pub(crate) struct ForeignMiners {
    hash_rate: f64,
    rng: StdRng,
    aim: Option<(ChainId, TimerKey)>,
    blocks: u64,
}

impl ForeignMiners {
    pub(crate) fn new(hash_rate: f64, seed: u64) -> Self {
        Self {
            hash_rate,
            rng: StdRng::seed_from_u64(seed ^ STREAM),
            aim: None,
            blocks: 0,
        }
    }

    /// The chain that they work on.
    pub(crate) fn chain(&self) -> Option<ChainId> {
        self.aim.map(|(chain, _)| chain)
    }

    /// Chooses one of the chains that can be extended; `None` if nobody mines.
    pub(crate) fn choose(&mut self, mineable: &[ChainId]) -> Option<ChainId> {
        if self.hash_rate <= 0.0 || mineable.is_empty() {
            return None;
        }
        Some(mineable[self.rng.random_range(0..mineable.len())])
    }

    /// Begins to work on a chain.
    pub(crate) fn aim_at(
        &mut self,
        chain: ChainId,
        target: Target,
        now: CreationTime,
        timers: &mut Timers,
    ) {
        if let Some((_, key)) = self.aim.take() {
            timers.cancel(key);
        }
        let share_left = 1.0 - self.rng.random::<f64>();
        let seconds = -share_left.ln() * target.difficulty().as_f64() / self.hash_rate;
        let solve_time = Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::MAX)
            .max(MINIMUM_SOLVE_TIME);
        let due = now.saturating_add(solve_time);
        self.aim = Some((chain, timers.set(due, Timer::ForeignBlock)));
    }

    /// A number of their own for the payload, and the nonce of their next block.
    pub(crate) fn next_block(&mut self) -> (u64, Nonce) {
        self.blocks += 1;
        (self.blocks, Nonce::new(self.rng.random()))
    }
}

impl Network {
    /// Extends a chain by a foreign block now.
    pub(crate) fn mine_foreign(
        &mut self,
        chain: ChainId,
        now: CreationTime,
    ) -> Result<BlockHash, MoveError> {
        if !self.slots.contains_key(&chain) {
            return Err(MoveError::UnknownChain(chain));
        }
        let block = self
            .foreign_block(chain, now)
            .ok_or(MoveError::Blocked(chain))?;
        let hash = block.hash();
        self.extend(block, None, now);
        Ok(hash)
    }

    /// Replaces the tip of a chain by a foreign sibling: for the neighbours their adjacent parent changes, of which
    /// their update streams say nothing.
    pub(crate) fn reorganise(
        &mut self,
        chain: ChainId,
        now: CreationTime,
    ) -> Result<BlockHash, MoveError> {
        let slot = self
            .slots
            .get(&chain)
            .ok_or(MoveError::UnknownChain(chain))?;
        let height = slot.chain.height();
        let needed = |n: &ChainId| self.slots[n].chain.height() > height;
        let old = slot.chain.tip().hash();
        let parent_height = height.checked_sub(1);
        let parents = parent_height
            .filter(|_| !self.graph().adjacents(chain).iter().any(needed))
            .and_then(|height| {
                let parent = slot.chain.at(height)?;
                Some((parent, self.adjacent_parents(chain, height)?))
            });
        let (parent, adjacent) = parents.ok_or(MoveError::FirmTip(chain))?;
        let (parent, adjacent): (BlockHeader, Vec<BlockHeader>) =
            (parent.clone(), adjacent.into_iter().cloned().collect());
        let block = self.seal_foreign(&parent, &adjacent.iter().collect::<Vec<_>>(), now);
        let hash = block.hash();
        if self.own_blocks.iter().rev().any(|block| block.hash == old) {
            self.tally.orphaned_later += 1;
        }
        self.slot_mut(chain).chain.replace_tip(block);
        self.tally.foreign_blocks += 1;
        self.moved(chain, None, now);
        Ok(hash)
    }

    pub(super) fn aim_foreign_miners(&mut self, now: CreationTime) {
        let mineable: Vec<_> = self
            .graph()
            .chains()
            .filter(|chain| self.is_mineable(*chain))
            .collect();
        let Some(chain) = self.foreign.choose(&mineable) else {
            return;
        };
        let any_payload = PayloadHash::new([0; 32]);
        let header = self.next_header(chain, any_payload, now);
        let target = header.expect("it can be extended").target();
        self.foreign.aim_at(chain, target, now, &mut self.timers);
    }

    /// The foreign miners have solved the block that they work on.
    pub(super) fn find_foreign_block(&mut self, now: CreationTime) {
        let chain = self.foreign.chain().expect("the timer is theirs");
        match self.foreign_block(chain, now) {
            Some(block) => self.extend(block, None, now),
            None => self.aim_foreign_miners(now),
        }
    }

    pub(super) fn foreign_block(
        &mut self,
        chain: ChainId,
        now: CreationTime,
    ) -> Option<BlockHeader> {
        let parent = self.slots.get(&chain)?.chain.tip().clone();
        let adjacent: Vec<_> = self
            .adjacent_parents(chain, parent.work().height())?
            .into_iter()
            .cloned()
            .collect();
        Some(self.seal_foreign(&parent, &adjacent.iter().collect::<Vec<_>>(), now))
    }

    pub(super) fn seal_foreign(
        &mut self,
        parent: &BlockHeader,
        adjacent: &[&BlockHeader],
        now: CreationTime,
    ) -> BlockHeader {
        let (number, nonce) = self.foreign.next_block();
        let payload = payload_hash(
            self.config.seed,
            [b"foreign".as_slice(), &number.to_le_bytes()],
        );
        let time = creation_time(parent, adjacent, now);
        let header = next_header(&self.rules, parent, adjacent, 0, payload, time);
        BlockHeader::seal(header.with_nonce(nonce)).expect("its adjacents are recorded")
    }
}
