//! The work that the node sends: its difficulty, its age, and whether it builds on blocks that the
//! node knows.
//!
//! Bytes changed on the way can still be valid work, but build on unknown blocks.

use std::time::Duration;

use chainweb::{Adjacents, BlockHash, ChainId, Work, WorkHeader};
use miner::telemetry::estimate::BLOCK_DELAY;
use miner::units::{About, Prefixed};
use node::{Client, Cut, Error, Info, Refusal};

use super::check::{Check, Finding};
use super::mining::CHANGED_ON_THE_WAY;

/// Warn above this many block delays. Of blocks at random times, one in half a billion takes
/// longer.
const OLD: u32 = 20;

/// Judges work which arrived within `took` of its request. Also returns its parent, if the node
/// sends it.
pub(super) async fn judge(
    client: &Client,
    info: &Info,
    cut: Option<&Cut>,
    work: &Work,
    took: Duration,
) -> (Finding, Option<WorkHeader>) {
    let header = work.header();
    let figure = format!(
        "chain {}, height {}, {}hashes expected, in {}",
        work.chain(),
        header.height(),
        Prefixed(work.target().difficulty().as_f64()),
        About(took)
    );
    let parent = match block(client, info, work.chain(), header.parent()).await {
        Ok(Some(parent)) => parent,
        Ok(None) => return (Finding::ok(Check::Work, figure), None),
        Err(unknown) => return (unknown, None),
    };
    if let Adjacents::Recorded(adjacents) = header.adjacents() {
        for (chain, hash) in adjacents.iter() {
            let tip = cut.and_then(|cut| cut.tip(chain));
            if tip.is_none_or(|tip| tip.hash != hash)
                && let Err(unknown) = block(client, info, chain, hash).await
            {
                return (unknown, Some(parent));
            }
        }
    }
    let age = header
        .creation_time()
        .saturating_since(parent.creation_time());
    let figure = format!("{figure}; its parent is {} old", About(age));
    // The first block of a network builds on a genesis of any age.
    if header.height() > 1 && age > info.block_delay.unwrap_or(BLOCK_DELAY) * OLD {
        return (
            Finding::warn(Check::Work, figure, too_old(age)),
            Some(parent),
        );
    }
    (Finding::ok(Check::Work, figure), Some(parent))
}

/// Returns a block that work builds on, if the node sends it. Returns the finding as the error if
/// the node does not know the block.
async fn block(
    client: &Client,
    info: &Info,
    chain: ChainId,
    hash: BlockHash,
) -> Result<Option<WorkHeader>, Finding> {
    let has_chain = info.chains.is_empty() || info.chains.contains(&chain);
    let answer = if has_chain {
        client.block_header(&info.version, chain, hash).await
    } else {
        Err(Refusal::UnknownBlock(hash).into())
    };
    match answer {
        Ok(block) => Ok(Some(block.work().clone())),
        Err(Error::Refused(Refusal::UnknownBlock(_))) => {
            let figure =
                format!("it builds on block {hash} of chain {chain}, which the node does not know");
            Err(Finding::fail(Check::Work, figure, CHANGED_ON_THE_WAY))
        }
        // A node that sends no headers can be mined on.
        Err(_) => Ok(None),
    }
}

fn too_old(age: Duration) -> String {
    format!(
        "no block on this chain for {}: on a public network the node has lost touch with it, and mining \
         here is wasted (compare its /cut with another node's); without other miners this is normal",
        About(age)
    )
}
