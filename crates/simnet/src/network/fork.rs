//! A fork which is higher than the cut and yet lighter: its blocks are easier than the rules allow.
//!
//! Nodes with other rules make such forks, as after an upgrade that one of them missed.

use std::sync::Arc;

use chainweb::{Adjacents, BlockHeader, ChainId, CreationTime, Difficulty, HeaderFields, Target};

use super::Network;
use super::outcome::MoveError;

/// The fork replaces at least this number of blocks of each chain, if there are so many.
const DEPTH: u64 = 3;

impl Network {
    /// Replaces the last blocks of all chains with foreign ones: a cut of half the weight of those,
    /// in which each chain is `ahead` blocks above the highest one.
    pub(crate) fn fork(&mut self, ahead: u64, now: CreationTime) -> Result<(), MoveError> {
        let heights = self.slots.values().map(|slot| slot.chain.height());
        let lowest = heights.clone().min().unwrap_or(0);
        let base = lowest.saturating_sub(DEPTH);
        let top = heights.max().unwrap_or(0).saturating_add(ahead);
        let replaced: f64 = self
            .slots
            .values()
            .map(|slot| slot.chain.hashes_above(base))
            .sum();
        let added = (top - base) as f64 * self.slots.len() as f64;
        let hashes = replaced / (2.0 * added);
        if !hashes.is_finite() || hashes < 1.0 {
            return Err(MoveError::NoFork);
        }
        let target = Difficulty::from_f64(hashes).target();
        let chains: Vec<_> = self.graph().chains().collect();
        let mut left = Vec::new();
        for chain in &chains {
            let chain = &mut self.slot_mut(*chain).chain;
            let common = Arc::clone(chain.at_most(base));
            chain.follow(&common, &mut left, &mut Vec::new());
        }
        self.count_orphans(&left);
        for height in base..top {
            for chain in &chains {
                let block = self.easy_block(*chain, height, target, now);
                self.slot_mut(*chain).chain.push(Arc::new(block));
                self.tally.foreign_blocks += 1;
            }
        }
        for chain in chains {
            self.tip_changed(chain, None, now);
        }
        Ok(())
    }

    /// Returns a foreign block with this target.
    fn easy_block(
        &mut self,
        chain: ChainId,
        height: u64,
        target: Target,
        now: CreationTime,
    ) -> BlockHeader {
        let block = self.foreign_block(chain, height, now);
        let header = block.work();
        let Adjacents::Recorded(adjacents) = header.adjacents() else {
            unreachable!("simulated headers record their adjacents");
        };
        let easy = HeaderFields {
            flags: header.flags(),
            creation_time: header.creation_time(),
            parent: header.parent(),
            adjacents: adjacents.iter().collect(),
            target,
            payload_hash: header.payload_hash(),
            chain,
            weight: self.slots[&chain].chain.tip().work().weight().plus(target),
            height: header.height(),
            version_code: header.version_code(),
            epoch_start: header.epoch_start(),
            nonce: header.nonce(),
        };
        BlockHeader::seal(easy.encode()).expect("the adjacents are recorded")
    }
}
