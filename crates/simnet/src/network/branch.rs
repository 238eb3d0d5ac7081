//! Pages of a chain's blocks: of the whole table upwards, or of branches downwards.
//!
//! The peculiarities are the node's (`Chainweb/TreeDB.hs`, `Chainweb/Utils/Paging.hs`): the last
//! page of the table still has a `next`, a maximum height above an upper bound drops the bound, and
//! an unknown lower bound is ignored.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use chainweb::{BlockHash, BlockHeader};

use super::chain::Chain;

/// The first block of a page, or the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Inclusive(BlockHash),
    Exclusive(BlockHash),
}

impl Next {
    fn hash(self) -> BlockHash {
        match self {
            Self::Inclusive(hash) | Self::Exclusive(hash) => hash,
        }
    }
}

/// The requested part of a table or branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) min_height: Option<u64>,
    pub(crate) max_height: Option<u64>,
    pub(crate) limit: usize,
    pub(crate) next: Option<Next>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<'a> {
    pub(crate) items: Vec<&'a Arc<BlockHeader>>,
    pub(crate) next: Option<Next>,
}

/// The request names a block unknown to the chain, or leads to one that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownBlock(pub(crate) BlockHash);

impl Chain {
    fn known(&self, hash: BlockHash) -> Result<(u64, BlockHash), UnknownBlock> {
        let block = self.block(&hash).ok_or(UnknownBlock(hash))?;
        Ok((block.work().height(), hash))
    }

    /// Returns a page of all blocks, orphans included, ordered by height and hash.
    ///
    /// # Errors
    /// Returns the block that `next` names, if it is unknown.
    pub(crate) fn table_page(&self, window: &Window) -> Result<Page<'_>, UnknownBlock> {
        let min_height = window.min_height.unwrap_or(0);
        let start = match window.next {
            Some(Next::Inclusive(hash)) => Bound::Included(self.known(hash)?),
            Some(Next::Exclusive(hash)) => Bound::Excluded(self.known(hash)?),
            None => Bound::Included((min_height, BlockHash::new([0; 32]))),
        };
        let mut blocks = self
            .from(start)
            .skip_while(|block| block.work().height() < min_height)
            .take_while(|block| {
                window
                    .max_height
                    .is_none_or(|max| block.work().height() <= max)
            });
        let items: Vec<_> = blocks.by_ref().take(window.limit).collect();
        let next = match (blocks.next(), items.last()) {
            (Some(more), _) => Some(Next::Inclusive(more.hash())),
            (None, Some(last)) => Some(Next::Exclusive(last.hash())),
            (None, None) => None,
        };
        Ok(Page { items, next })
    }

    /// Returns a page of the blocks `upper` and their ancestors, without `lower` and their
    /// ancestors; highest first.
    ///
    /// # Errors
    /// Returns the block that `next` or `upper` names, if it is unknown, and the highest dropped
    /// ancestor, if the page reaches it.
    pub(crate) fn branch_page(
        &self,
        upper: &[BlockHash],
        lower: &[BlockHash],
        window: &Window,
    ) -> Result<Page<'_>, UnknownBlock> {
        if let Some(next) = window.next {
            self.known(next.hash())?;
        }
        let mut heads = BTreeSet::new();
        for hash in upper {
            let (height, hash) = self.known(*hash)?;
            let top = window.max_height.unwrap_or(height);
            match (self.ancestor(&hash, top), self.newest_dropped()) {
                (Some(head), _) => {
                    heads.insert((top, head.hash()));
                }
                (None, Some(dropped)) if top < height => return Err(UnknownBlock(dropped)),
                (None, _) => {}
            }
        }
        let is_below = |height: u64, hash: BlockHash| {
            lower.iter().any(|lower| {
                self.ancestor(lower, height)
                    .is_some_and(|block| block.hash() == hash)
            })
        };
        let min_height = window.min_height.unwrap_or(0);
        let mut items = Vec::new();
        let mut next = None;
        let mut start = window.next;
        while let Some((height, hash)) = heads.pop_last().filter(|(at, _)| *at >= min_height) {
            let Some(block) = self.block(&hash).filter(|_| !is_below(height, hash)) else {
                continue;
            };
            let is_listed = match start {
                None => true,
                Some(first) if first.hash() == hash => {
                    start = None;
                    first == Next::Inclusive(hash)
                }
                Some(_) => false,
            };
            if is_listed && items.len() == window.limit {
                next = Some(Next::Inclusive(hash));
                break;
            }
            items.extend(is_listed.then_some(block));
            let parent = block.work().parent();
            if let Some(parent) = self.block(&parent) {
                heads.insert((parent.work().height(), parent.hash()));
            } else if height > min_height {
                return Err(UnknownBlock(parent));
            }
        }
        Ok(Page { items, next })
    }
}
