//! One chain as a node knows it: the blocks of the cut and the orphans.
//!
//! Blocks of the cut are indexed by height, so looking up their ancestors takes constant time. The
//! blocks themselves are shared by all nodes that know them. Blocks below the kept heights are
//! dropped.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use chainweb::{BlockHash, BlockHeader};

use crate::config::Limits;

#[derive(Debug)]
pub(crate) struct Chain {
    blocks: HashMap<BlockHash, Arc<BlockHeader>>,
    by_height: BTreeSet<(u64, BlockHash)>,
    /// The kept blocks of the cut, oldest first; never empty.
    in_cut: VecDeque<Arc<BlockHeader>>,
    /// Height of the first block in `in_cut`.
    base: u64,
    kept_heights: u64,
}

impl Chain {
    pub(crate) fn new(genesis: Arc<BlockHeader>, kept_heights: u64) -> Self {
        let (height, hash) = (genesis.work().height(), genesis.hash());
        Self {
            in_cut: VecDeque::from([Arc::clone(&genesis)]),
            blocks: HashMap::from([(hash, genesis)]),
            by_height: BTreeSet::from([(height, hash)]),
            base: height,
            kept_heights: kept_heights.max(Limits::MINIMUM_KEPT_HEIGHTS),
        }
    }

    pub(crate) fn height(&self) -> u64 {
        self.base + self.in_cut.len() as u64 - 1
    }

    pub(crate) fn tip(&self) -> &Arc<BlockHeader> {
        self.in_cut.back().expect("a chain always has a tip")
    }

    /// Returns the block of the cut at `height`.
    pub(crate) fn at(&self, height: u64) -> Option<&Arc<BlockHeader>> {
        let index = usize::try_from(height.checked_sub(self.base)?).ok()?;
        self.in_cut.get(index)
    }

    /// Returns the block of the cut whose height is nearest to `height`.
    pub(crate) fn at_most(&self, height: u64) -> &Arc<BlockHeader> {
        self.at(height.clamp(self.base, self.height()))
            .expect("all heights between base and tip are kept")
    }

    pub(crate) fn block(&self, hash: &BlockHash) -> Option<&Arc<BlockHeader>> {
        self.blocks.get(hash)
    }

    /// Whether a block is in the cut.
    pub(crate) fn is_in_cut(&self, block: &BlockHeader) -> bool {
        self.at(block.work().height())
            .is_some_and(|in_cut| in_cut.hash() == block.hash())
    }

    /// Appends a child of the tip.
    pub(crate) fn push(&mut self, block: Arc<BlockHeader>) {
        debug_assert_eq!(block.work().parent(), self.tip().hash());
        self.append(block);
    }

    fn append(&mut self, block: Arc<BlockHeader>) {
        self.in_cut.push_back(Arc::clone(&block));
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
    pub(crate) fn replace_tip(&mut self, block: Arc<BlockHeader>) {
        debug_assert_eq!(block.work().parent(), self.tip().work().parent());
        self.in_cut.pop_back();
        self.in_cut.push_back(Arc::clone(&block));
        self.store(block);
    }

    /// Makes a known block and its ancestors the cut. Adds the blocks that leave the cut to `left`,
    /// and those that enter it to `entered`.
    pub(crate) fn follow(
        &mut self,
        tip: &Arc<BlockHeader>,
        left: &mut Vec<BlockHash>,
        entered: &mut Vec<BlockHash>,
    ) {
        let mut branch = Vec::new();
        let mut next = Some(tip);
        while let Some(block) = next.filter(|block| !self.is_in_cut(block)) {
            branch.push(Arc::clone(block));
            next = self.block(&block.work().parent());
        }
        let kept = match (next, branch.last()) {
            (Some(common), _) => common.work().height() + 1 - self.base,
            // The branches have no kept block in common.
            (None, Some(lowest)) => {
                self.base = lowest.work().height();
                0
            }
            (None, None) => return,
        };
        let kept = usize::try_from(kept).expect("at most the number of blocks in the cut");
        left.extend(self.in_cut.drain(kept..).map(|block| block.hash()));
        while let Some(block) = branch.pop() {
            entered.push(block.hash());
            self.append(block);
        }
    }

    /// Returns the sum of the difficulties of the blocks of the cut above `height`.
    pub(crate) fn hashes_above(&self, height: u64) -> f64 {
        let blocks = (height + 1..=self.height()).filter_map(|height| self.at(height));
        blocks
            .map(|block| block.work().target().difficulty().as_f64())
            .sum()
    }

    /// Stores a block without a change of the cut.
    pub(crate) fn store(&mut self, block: Arc<BlockHeader>) {
        self.by_height.insert((block.work().height(), block.hash()));
        self.blocks.insert(block.hash(), block);
    }

    /// Returns the ancestor of a block at `height`, or the block itself; `None` above its height.
    pub(crate) fn ancestor(&self, hash: &BlockHash, height: u64) -> Option<&Arc<BlockHeader>> {
        let mut block = self.block(hash)?;
        while block.work().height() > height && !self.is_in_cut(block) {
            block = self.block(&block.work().parent())?;
        }
        if block.work().height() == height {
            return Some(block);
        }
        // An ancestor of a block in the cut, which is in the cut too.
        self.at(height).filter(|_| height < block.work().height())
    }

    /// Returns the parent of the lowest kept block of the cut, if it is dropped.
    pub(crate) fn newest_dropped(&self) -> Option<BlockHash> {
        let lowest = self.in_cut.front().filter(|_| self.base > 0);
        Some(lowest?.work().parent())
    }

    /// Iterates over all blocks, orphans included, from `start` on, ordered by height and hash.
    pub(crate) fn from(
        &self,
        start: Bound<(u64, BlockHash)>,
    ) -> impl Iterator<Item = &Arc<BlockHeader>> {
        self.by_height
            .range((start, Bound::Unbounded))
            .filter_map(|(_, hash)| self.block(hash))
    }
}
