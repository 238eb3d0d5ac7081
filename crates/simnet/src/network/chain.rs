//! One chain: the blocks of the cut and the orphans.
//!
//! Blocks of the cut are indexed by height, so looking up an ancestor takes constant time. Only
//! tips are ever replaced; therefore all ancestors of an orphan are in the cut. Blocks below the
//! kept heights are dropped.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;

use chainweb::{BlockHash, BlockHeader};

/// Lower bound of the kept heights, for difficulty adjustment, reorganisations and lookups.
const MINIMUM_KEPT: u64 = 1000;

#[derive(Debug)]
pub(crate) struct Chain {
    blocks: HashMap<BlockHash, BlockHeader>,
    by_height: BTreeSet<(u64, BlockHash)>,
    /// The kept blocks of the cut, oldest first; never empty.
    in_cut: VecDeque<BlockHash>,
    /// Height of the first block in `in_cut`.
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
        self.at(self.height()).expect("a chain always has a tip")
    }

    /// Returns the block of the cut at `height`.
    pub(crate) fn at(&self, height: u64) -> Option<&BlockHeader> {
        let index = usize::try_from(height.checked_sub(self.base)?).ok()?;
        self.blocks.get(self.in_cut.get(index)?)
    }

    /// Returns the block of the cut whose height is nearest to `height`.
    pub(crate) fn at_most(&self, height: u64) -> &BlockHeader {
        self.at(height.clamp(self.base, self.height()))
            .expect("all heights between base and tip are kept")
    }

    pub(crate) fn block(&self, hash: &BlockHash) -> Option<&BlockHeader> {
        self.blocks.get(hash)
    }

    /// Appends a child of the tip.
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

    /// Replaces the tip with a sibling; the old tip becomes an orphan.
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

    /// Returns the ancestor of a block at `height`, or the block itself; `None` above its height.
    pub(crate) fn ancestor(&self, hash: &BlockHash, height: u64) -> Option<&BlockHeader> {
        let block = self.block(hash)?;
        if block.work().height() == height {
            return Some(block);
        }
        // An orphan is a former tip: its parent is in the cut and stays there.
        self.at(height).filter(|_| height < block.work().height())
    }

    /// Iterates over all blocks, orphans included, from `start` on, ordered by height and hash.
    pub(crate) fn from(
        &self,
        start: Bound<(u64, BlockHash)>,
    ) -> impl Iterator<Item = &BlockHeader> {
        self.by_height
            .range((start, Bound::Unbounded))
            .filter_map(|(_, hash)| self.block(hash))
    }
}
