//! Cuts of other nodes: the blocks that are missing, and the cut of the node afterwards.
//!
//! The heavier of two cuts wins, and is extended with the blocks of the lighter one that fit
//! (`joinIntoHeavier` in `Chainweb/Cut.hs`). Of equal cuts the node keeps its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use chainweb::{BlockHash, BlockHeader, CreationTime, Weight};

use super::Network;

/// Returns the weight of a cut.
pub(crate) fn weight_of(cut: &[Arc<BlockHeader>]) -> Weight {
    let weights = cut.iter().map(|block| block.work().weight());
    weights.fold(Weight::ZERO, Weight::wrapping_add)
}

impl Network {
    /// Returns the last block of each chain, in the order of the chains.
    pub(crate) fn cut_blocks(&self) -> Arc<[Arc<BlockHeader>]> {
        self.cut(None).map(|(_, block)| Arc::clone(block)).collect()
    }

    /// Returns the tips of `cut` that differ from the own ones, and these.
    fn differences(&self, cut: &[Arc<BlockHeader>]) -> [Vec<Arc<BlockHeader>>; 2] {
        let pairs = cut.iter().zip(self.slots.values());
        let pairs = pairs.map(|(theirs, slot)| (theirs, slot.chain.tip()));
        let differ = pairs.filter(|(theirs, own)| theirs.hash() != own.hash());
        let (theirs, own) = differ
            .map(|(theirs, own)| (Arc::clone(theirs), Arc::clone(own)))
            .unzip();
        [theirs, own]
    }

    /// Returns the blocks of `cut` and their ancestors that `other` does not know.
    pub(crate) fn missing_at(
        &self,
        other: &Self,
        cut: &[Arc<BlockHeader>],
    ) -> Vec<Arc<BlockHeader>> {
        let mut missing = Vec::new();
        let [theirs, _] = other.differences(cut);
        for tip in &theirs {
            let chain = tip.work().chain();
            let mut next = Some(tip);
            while let Some(block) = next
                && other.slots[&chain].chain.block(&block.hash()).is_none()
            {
                missing.push(Arc::clone(block));
                next = self.slots[&chain].chain.block(&block.work().parent());
            }
        }
        missing
    }

    /// Joins the cut of another node with the own one. `missing` are its unknown blocks.
    pub(crate) fn join(
        &mut self,
        cut: &[Arc<BlockHeader>],
        missing: &[Arc<BlockHeader>],
        now: CreationTime,
    ) {
        // Equal tips weigh the same, and have nothing to add.
        let [theirs, own] = self.differences(cut);
        for block in missing {
            let chain = &mut self.slot_mut(block.work().chain()).chain;
            chain.store(Arc::clone(block));
        }
        let (mut left, mut entered) = (Vec::new(), Vec::new());
        let lighter = if weight_of(&theirs) > weight_of(&own) {
            for tip in &theirs {
                let chain = &mut self.slot_mut(tip.work().chain()).chain;
                chain.follow(tip, &mut left, &mut entered);
            }
            &own
        } else {
            &theirs
        };
        self.extend_with(lighter, &mut entered);
        self.count_orphans(&left);
        let new: BTreeSet<_> = missing.iter().map(|block| block.hash()).collect();
        let again = entered.into_iter().filter(|hash| !new.contains(hash));
        let again = again.filter(|hash| self.is_own(*hash)).count();
        self.tally.orphaned_later = self.tally.orphaned_later.saturating_sub(again as u64);
        let has_moved = |before: &&Arc<BlockHeader>| {
            let tip = self.slots[&before.work().chain()].chain.tip();
            tip.hash() != before.hash()
        };
        // A cut of blocks of both is new to the other node.
        let is_new = theirs.iter().any(|tip| has_moved(&tip));
        let moved: Vec<_> = own.iter().filter(has_moved).collect();
        self.extended |= is_new && !moved.is_empty();
        for before in moved {
            self.tip_changed(before.work().chain(), None, now);
        }
    }

    /// Counts those of the blocks that a client submitted here.
    pub(super) fn count_orphans(&mut self, left: &[BlockHash]) {
        let own = left.iter().filter(|hash| self.is_own(**hash)).count();
        self.tally.orphaned_later += own as u64;
    }

    /// Appends the blocks of another cut that extend the own one.
    fn extend_with(&mut self, cut: &[Arc<BlockHeader>], entered: &mut Vec<BlockHash>) {
        let mut blocks = Vec::new();
        for tip in cut {
            let chain = &self.slots[&tip.work().chain()].chain;
            let mut next = Some(tip);
            while let Some(block) = next.filter(|block| !chain.is_in_cut(block)) {
                blocks.push(Arc::clone(block));
                next = chain.block(&block.work().parent());
            }
        }
        blocks.sort_by_key(|block| block.work().height());
        for block in blocks {
            if self.extends_cut(block.work()) {
                entered.push(block.hash());
                self.slot_mut(block.work().chain()).chain.push(block);
            }
        }
    }

    fn is_own(&self, hash: BlockHash) -> bool {
        self.own_blocks.iter().rev().any(|block| block.hash == hash)
    }
}
