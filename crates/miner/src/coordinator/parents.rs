//! The blocks below a work header: its parent and the adjacent blocks.

use chainweb::{Adjacents, BlockHash, ChainId, WorkHeader};
use node::Cut;

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
