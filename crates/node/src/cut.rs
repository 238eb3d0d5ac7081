//! The tips of a node's chains, from `/cut`.
//!
//! The top-level `height` of the response, the sum over all chains, is ignored
//! (kadena-io/chainweb-node, `Chainweb/Cut/CutHashes.hs`).

use std::collections::BTreeMap;

use chainweb::{BlockHash, ChainId, Weight};
use serde::Deserialize;
use serde_json::Value;

use crate::Malformed;

/// The newest block of each chain on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The tips by chain.
    pub tips: BTreeMap<ChainId, Tip>,
    /// The sum of the weights of the tips; `None` if the node did not send a number of 256 bits.
    pub weight: Option<Weight>,
}

/// The newest block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The height of the block.
    pub height: u64,
    /// The hash of the block, the parent of the next.
    pub hash: BlockHash,
}

/// How far a cut is, to be compared with other cuts of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The sum of the weights of the tips.
    pub weight: Option<Weight>,
    /// The sum of the heights of the tips.
    pub height: u64,
}

impl Progress {
    /// Whether it has more work than another; where a weight is unknown, more blocks.
    pub fn is_ahead_of(&self, other: &Self) -> bool {
        match (self.weight, other.weight) {
            (Some(own), Some(other)) => own > other,
            _ => self.height > other.height,
        }
    }
}

#[derive(Deserialize)]
struct Wire {
    hashes: BTreeMap<String, WireTip>,
    #[serde(default)]
    weight: Value,
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

    /// Returns how far the cut is.
    pub fn progress(&self) -> Progress {
        let heights = self.tips.values().map(|tip| tip.height);
        Progress {
            weight: self.weight,
            height: heights.fold(0, u64::saturating_add),
        }
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
            weight: wire.weight.as_str().and_then(|text| text.parse().ok()),
        })
    }
}
