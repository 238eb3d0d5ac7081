//! Whether work is current: what can outdate it, and the one answer to all questions about it.

use std::time::Instant;

use chainweb::{Adjacents, BlockHash, ChainId, WorkHeader};
use node::Cut;

use super::event::Seq;

/// How current work is, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freshness {
    /// The update streams were open all the time and reported no change.
    Current,
    /// Nothing is known to outdate the work, but an update may have been missed.
    Unconfirmed {
        /// Only a cut requested after this can confirm the work.
        since: Seq,
    },
    /// A solution on the same parent is being submitted: which block will follow is open.
    Contested,
    /// The chain has a new tip, or the parent was solved after the work was requested.
    Outdated,
}

/// A payload refresh reported by an update stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refresh {
    pub(super) at: Instant,
    /// Work requested before this may not include it.
    pub(super) seq: Seq,
}

/// Returns the recorded adjacent blocks; none if the header holds only their hash (EVM).
pub(super) fn adjacents(header: &WorkHeader) -> impl Iterator<Item = (ChainId, BlockHash)> + '_ {
    let recorded = match header.adjacents() {
        Adjacents::Recorded(recorded) => Some(recorded.iter()),
        Adjacents::Hashed => None,
    };
    recorded.into_iter().flatten()
}

/// Whether the header extends or records a block other than the tip in a cut.
///
/// An adjacent chain higher than the recorded block may still contain it.
pub(super) fn contradicts(cut: &Cut, header: &WorkHeader) -> bool {
    let is_off_tip = cut
        .tip(header.chain())
        .is_some_and(|tip| tip.hash != header.parent());
    is_off_tip
        || adjacents(header).any(|(chain, hash)| {
            cut.tip(chain).is_some_and(|tip| {
                tip.height.checked_add(1) == Some(header.height()) && tip.hash != hash
            })
        })
}

/// Whether two headers of one chain have the same parent and adjacent blocks. If so, the newer one
/// does not outdate the older.
///
/// Hashed adjacents count as the same: their networks send an update when an adjacent chain
/// changes.
pub(super) fn same_parents(a: &WorkHeader, b: &WorkHeader) -> bool {
    let same_adjacents = match (a.adjacents(), b.adjacents()) {
        (Adjacents::Recorded(a), Adjacents::Recorded(b)) => a.iter().eq(b.iter()),
        (Adjacents::Hashed, Adjacents::Hashed) => true,
        _ => false,
    };
    same_adjacents && a.parent() == b.parent()
}
