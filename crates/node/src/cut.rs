//! The tips of a node's chains, from `/cut`.
//!
//! The top-level `height` of the response, the sum over all chains, is ignored
//! (kadena-io/chainweb-node, `Chainweb/Cut/CutHashes.hs`).

use std::collections::BTreeMap;

use chainweb::{BlockHash, ChainId};
use serde::Deserialize;

use crate::Malformed;

/// The newest block of each chain on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The tips by chain.
    pub tips: BTreeMap<ChainId, Tip>,
}

/// The newest block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The height of the block.
    pub height: u64,
    /// The hash of the block, the parent of the next.
    pub hash: BlockHash,
}

#[derive(Deserialize)]
struct Wire {
    hashes: BTreeMap<String, WireTip>,
}

#[derive(Deserialize)]
struct WireTip {
    height: u64,
    hash: String,
}

impl Cut {
    /// Returns the tip of a chain.
    pub fn tip(&self, chain: ChainId) -> Option<Tip> {
        self.tips.get(&chain).copied()
    }

    pub(crate) fn from_json(body: &[u8]) -> Result<Self, Malformed> {
        let malformed = |why: String| Malformed::json("/cut", why);
        let wire: Wire =
            serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
        let tips = wire.hashes.into_iter().map(|(chain, tip)| {
            let id = chain
                .parse()
                .map_err(|_| malformed(format!("chain {chain:?} is not a number")))?;
            let hash = tip
                .hash
                .parse()
                .map_err(|error| malformed(format!("chain {chain}: {error}")))?;
            Ok::<_, Malformed>((
                id,
                Tip {
                    height: tip.height,
                    hash,
                },
            ))
        });
        Ok(Self {
            tips: tips.collect::<Result<_, _>>()?,
        })
    }
}
