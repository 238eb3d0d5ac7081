//! What makes a block a valid next one: the cut rule and the rules for each field.
//!
//! chainweb-node, `Chainweb/Cut/Create.hs` (which chains can be extended, and by what) and
//! `Chainweb/BlockHeader/Validation.hs` (what is checked of a block).

use std::collections::BTreeMap;
use std::time::Duration;

use chainweb::{
    Adjacents, BlockHash, BlockHeader, ChainId, CreationTime, PayloadHash, WorkHeader, next_header,
};

use super::payload::Payload;
use super::{Invalid, Network};

impl Network {
    /// Whether no neighbour is lower than the chain.
    pub(super) fn is_mineable(&self, chain: ChainId) -> bool {
        let height_of = |chain| self.slots[chain].chain.height();
        let height = height_of(&chain);
        self.graph()
            .adjacents(chain)
            .iter()
            .all(|n| height_of(n) >= height)
    }

    /// The blocks at this height on the neighbouring chains, if all have one.
    pub(super) fn adjacent_parents(
        &self,
        chain: ChainId,
        height: u64,
    ) -> Option<Vec<&BlockHeader>> {
        self.graph()
            .adjacents(chain)
            .iter()
            .map(|n| self.slots[n].chain.at(height))
            .collect()
    }

    pub(super) fn next_header(
        &self,
        chain: ChainId,
        payload: PayloadHash,
        now: CreationTime,
    ) -> Option<WorkHeader> {
        let parent = self.slots.get(&chain)?.chain.tip();
        let adjacent = self.adjacent_parents(chain, parent.work().height())?;
        let time = creation_time(parent, &adjacent, now);
        Some(next_header(
            &self.rules,
            parent,
            &adjacent,
            0,
            payload,
            time,
        ))
    }

    /// Whether a header's parents are still those of the cut: the node's condition for taking it at all.
    pub(super) fn extends_cut(&self, header: &WorkHeader) -> bool {
        let Some(slot) = self.slots.get(&header.chain()) else {
            return false;
        };
        let Adjacents::Recorded(adjacents) = header.adjacents() else {
            return false;
        };
        let fits = |(chain, hash): (ChainId, BlockHash)| {
            self.slots.get(&chain).is_some_and(|slot| {
                let tip = slot.chain.tip();
                hash == tip.hash() || hash == tip.work().parent()
            })
        };
        header.parent() == slot.chain.tip().hash() && adjacents.iter().all(fits)
    }

    /// The whole of the rules for a block that extends the cut.
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
        let time = header.creation_time();
        if time > now {
            return Err(Invalid::Future);
        }
        let Adjacents::Recorded(recorded) = header.adjacents() else {
            return Err(Invalid::Adjacents);
        };
        let adjacent = self
            .adjacent_parents(chain, parent.work().height())
            .ok_or(Invalid::Adjacents)?;
        let given = recorded.iter().collect::<BTreeMap<_, _>>();
        let due = adjacent.iter().map(|a| (a.work().chain(), a.hash()));
        if given.len() != recorded.iter().len() || given != due.collect() {
            return Err(Invalid::Adjacents);
        }
        if creation_time(parent, &adjacent, time) != time {
            return Err(Invalid::NotAfterParents);
        }
        let expected = next_header(
            &self.rules,
            parent,
            &adjacent,
            0,
            header.payload_hash(),
            time,
        );
        if expected.with_nonce(header.nonce()) != *header {
            return Err(Invalid::Fields);
        }
        BlockHeader::seal(header.clone()).ok_or(Invalid::Adjacents)
    }
}

/// The time of a block made now: after all its parents, which may be ahead of the clock.
pub(super) fn creation_time(
    parent: &BlockHeader,
    adjacent: &[&BlockHeader],
    now: CreationTime,
) -> CreationTime {
    let latest = adjacent
        .iter()
        .map(|header| header.work().creation_time())
        .fold(parent.work().creation_time(), Ord::max);
    now.max(latest.saturating_add(Duration::from_micros(1)))
}
