//! Validity of the next block: the cut rule and the rules of each header field.
//!
//! Follows `Chainweb/Cut/Create.hs` (which chains can be extended, with which parents) and
//! `Chainweb/BlockHeader/Validation.hs` (the checks of a header).

use std::sync::Arc;
use std::time::Duration;

use chainweb::{
    Adjacents, BlockHash, BlockHeader, ChainId, CreationTime, ForkState, PayloadHash, WorkHeader,
    next_header,
};

use super::Network;
use super::forks::with_fork_state;
use super::outcome::Invalid;
use super::payload::Payload;

impl Network {
    /// Whether every adjacent chain is at least as high as `chain`.
    pub(super) fn is_mineable(&self, chain: ChainId) -> bool {
        let height_of = |chain| self.slots[chain].chain.height();
        let height = height_of(&chain);
        self.graph()
            .adjacents(chain)
            .iter()
            .all(|n| height_of(n) >= height)
    }

    /// Returns the unsolved header of the next block, or `None` while an adjacent chain is lower.
    pub(super) fn next_header(
        &self,
        chain: ChainId,
        payload: PayloadHash,
        now: CreationTime,
    ) -> Option<WorkHeader> {
        let height = self.chain(chain)?.height();
        self.header_after(chain, height, payload, now)
    }

    /// Returns the unsolved header of a block after the one at `height`, or `None` if a parent is
    /// missing.
    pub(super) fn header_after(
        &self,
        chain: ChainId,
        height: u64,
        payload: PayloadHash,
        now: CreationTime,
    ) -> Option<WorkHeader> {
        let parent = self.chain(chain)?.at(height)?.as_ref();
        let adjacent = self.graph().adjacents(chain).iter();
        let adjacent: Option<Vec<_>> = adjacent
            .map(|n| self.slots[n].chain.at(height).map(Arc::as_ref))
            .collect();
        let adjacent = adjacent?;
        // At least a microsecond after all parents, which may be ahead of the clock.
        let latest = adjacent.iter().chain([&parent]);
        let latest = latest.map(|block| block.work().creation_time()).max()?;
        let time = now.max(latest.saturating_add(Duration::from_micros(1)));
        let header = next_header(&self.rules, parent, &adjacent, 0, payload, time);
        Some(if self.config.release.has_fork_votes() {
            with_fork_state(&header, &self.config.forks, parent, &adjacent)
        } else {
            header
        })
    }

    /// Whether a header's parents are still in the cut. Otherwise the node drops the solution
    /// (`Chainweb/Cut.hs`).
    pub(super) fn extends_cut(&self, header: &WorkHeader) -> bool {
        let Some(slot) = self.slots.get(&header.chain()) else {
            return false;
        };
        let Adjacents::Recorded(adjacents) = header.adjacents() else {
            return false;
        };
        let is_in_cut = |(chain, hash): (ChainId, BlockHash)| {
            self.slots.get(&chain).is_some_and(|slot| {
                let tip = slot.chain.tip();
                hash == tip.hash() || hash == tip.work().parent()
            })
        };
        header.parent() == slot.chain.tip().hash() && adjacents.iter().all(is_in_cut)
    }

    /// Applies all rules to a header that extends the cut.
    ///
    /// # Errors
    /// Returns the first violated rule.
    pub(super) fn validate(
        &self,
        header: &WorkHeader,
        payload: &Payload,
        now: CreationTime,
    ) -> Result<BlockHeader, Invalid> {
        let chain = header.chain();
        let parent = self.slots[&chain].chain.tip();
        if (payload.chain, payload.parent) != (chain, parent.hash()) {
            return Err(Invalid::Payload);
        }
        let fork_number = ForkState::from_flags(header.flags()).number();
        if self.config.release.has_fork_votes() && fork_number > self.config.forks.known {
            return Err(Invalid::ForkNumber);
        }
        let time = header.creation_time();
        if time > now {
            return Err(Invalid::Future);
        }
        let expected = self
            .next_header(chain, header.payload_hash(), time)
            .ok_or(Invalid::Adjacents)?;
        if header.adjacents() != expected.adjacents() {
            return Err(Invalid::Adjacents);
        }
        if time != expected.creation_time() {
            return Err(Invalid::NotAfterParents);
        }
        if expected.with_nonce(header.nonce()) != *header {
            return Err(Invalid::Fields);
        }
        BlockHeader::seal(header.clone()).ok_or(Invalid::Adjacents)
    }
}
