//! The tips of all chains, as the node tells them.

use std::collections::BTreeMap;

use chainweb::{ChainId, Weight};

use super::Network;
use crate::report::Tip;

/// The tips of all chains with their sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) tips: BTreeMap<ChainId, Tip>,
    pub(crate) weight_le_bytes: [u8; 32],
    /// The sum of the heights.
    pub(crate) height: u64,
}

impl Network {
    /// The cut; or the one whose chains are limited to an equal part of `max_height`.
    pub(crate) fn cut(&self, max_height: Option<u64>) -> Cut {
        let chains = self.slots.len() as u64;
        let mut cut = Cut {
            tips: BTreeMap::new(),
            weight_le_bytes: [0; 32],
            height: 0,
        };
        for (chain, slot) in &self.slots {
            let block = match max_height {
                Some(max) => slot.chain.at_most(max / chains),
                None => slot.chain.tip(),
            };
            let height = block.work().height();
            cut.height += height;
            add_le_bytes(&mut cut.weight_le_bytes, block.work().weight());
            let hash = block.hash();
            cut.tips.insert(*chain, Tip { height, hash });
        }
        cut
    }
}

/// Adds a weight to a 256-bit sum, which the weights of no real network exceed.
fn add_le_bytes(sum: &mut [u8; 32], weight: Weight) {
    let mut carry = false;
    for (byte, add) in sum.iter_mut().zip(weight.to_le_bytes()) {
        let (once, first) = byte.overflowing_add(add);
        let (twice, second) = once.overflowing_add(u8::from(carry));
        *byte = twice;
        carry = first || second;
    }
}
