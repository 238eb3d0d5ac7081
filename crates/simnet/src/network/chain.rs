//! One chain: its blocks, the winners and the losers, and which of them are in the cut.
//!
//! The blocks of the cut have an index by height, so that an ancestor is found at once: only tips are ever replaced,
//! and thus all ancestors of a loser are winners. Blocks below the kept heights are forgotten.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;

use chainweb::{BlockHash, BlockHeader};

/// Fewer than this is never kept: adjustment, re-organisations and look-ups need a few.
const MINIMUM_KEPT: u64 = 1000;

#[derive(Debug)]
pub(crate) struct Chain {
    blocks: HashMap<BlockHash, BlockHeader>,
    by_height: BTreeSet<(u64, BlockHash)>,
    /// The blocks of the cut, the oldest kept one first; never empty.
    in_cut: VecDeque<BlockHash>,
    /// The height of the first of them.
    base: u64,
    kept_heights: u64,
}

impl Chain {
    pub(crate) fn new(genesis: BlockHeader, kept_heights: u64) -> Self {
        let (height, hash) = (genesis.work().height(), genesis.hash());
        Self {
            blocks: HashMap::from([(hash, genesis)]),
            by_height: BTreeSet::from([(height, hash)]),
            in_cut: VecDeque::from([hash]),
            base: height,
            kept_heights: kept_heights.max(MINIMUM_KEPT),
        }
    }

    pub(crate) fn height(&self) -> u64 {
        self.base + self.in_cut.len() as u64 - 1
    }

    pub(crate) fn tip(&self) -> &BlockHeader {
        self.at(self.height()).expect("there is always a tip")
    }

    /// The block of the cut at this height.
    pub(crate) fn at(&self, height: u64) -> Option<&BlockHeader> {
        let index = usize::try_from(height.checked_sub(self.base)?).ok()?;
        self.blocks.get(self.in_cut.get(index)?)
    }

    /// The block of the cut at this height, or the nearest that there is.
    pub(crate) fn at_most(&self, height: u64) -> &BlockHeader {
        self.at(height.clamp(self.base, self.height()))
            .expect("every height in between is there")
    }

    pub(crate) fn block(&self, hash: &BlockHash) -> Option<&BlockHeader> {
        self.blocks.get(hash)
    }

    /// Makes a child of the tip the new tip.
    pub(crate) fn push(&mut self, block: BlockHeader) {
        debug_assert_eq!(block.work().parent(), self.tip().hash());
        self.in_cut.push_back(block.hash());
        self.store(block);
        while self.in_cut.len() as u64 > self.kept_heights {
            self.in_cut.pop_front();
            self.base += 1;
            while let Some(&(height, hash)) = self.by_height.first()
                && height < self.base
            {
                self.by_height.pop_first();
                self.blocks.remove(&hash);
            }
        }
    }

    /// Puts a sibling of the tip in its place; the old tip stays as an orphan.
    pub(crate) fn replace_tip(&mut self, block: BlockHeader) {
        debug_assert_eq!(block.work().parent(), self.tip().work().parent());
        self.in_cut.pop_back();
        self.in_cut.push_back(block.hash());
        self.store(block);
    }

    fn store(&mut self, block: BlockHeader) {
        self.by_height.insert((block.work().height(), block.hash()));
        self.blocks.insert(block.hash(), block);
    }

    /// The ancestor of a block at a height, the block itself included; `None` above it.
    pub(crate) fn ancestor(&self, hash: &BlockHash, height: u64) -> Option<&BlockHeader> {
        let block = self.block(hash)?;
        if block.work().height() == height {
            return Some(block);
        }
        // An orphan is a former tip: its parent is in the cut, and stays there.
        self.at(height).filter(|_| height < block.work().height())
    }

    /// All blocks, orphans included, by height and hash, from a place on.
    pub(crate) fn from(
        &self,
        place: Bound<(u64, BlockHash)>,
    ) -> impl Iterator<Item = &BlockHeader> {
        self.by_height
            .range((place, Bound::Unbounded))
            .filter_map(|(_, hash)| self.block(hash))
    }
}
