//! Tests on recorded headers of real networks, and laws for all headers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adjustment;
mod laws;
mod recorded;

use chainweb::BlockHeader;

/// A recorded block with its parent and its adjacent parents.
struct Family {
    block: BlockHeader,
    parent: BlockHeader,
    adjacent_parents: Vec<BlockHeader>,
}

fn families() -> Vec<Family> {
    fixtures::block_headers(include_bytes!("../data/mainnet-families.bin"))
        .as_chunks::<5>()
        .0
        .iter()
        .map(|[block, parent, adjacent_parents @ ..]| Family {
            block: block.clone(),
            parent: parent.clone(),
            adjacent_parents: adjacent_parents.to_vec(),
        })
        .collect()
}
