//! The cut as `/cut` serves it (`Chainweb/Cut/CutHashes.hs`).

use std::collections::BTreeMap;

use chainweb::{ChainId, Weight};

use super::Network;
use crate::report::Tip;

/// The tips of all chains, with total weight and height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) tips: BTreeMap<ChainId, Tip>,
    pub(crate) weight_le_bytes: [u8; 32],
    /// Sum of the heights.
    pub(crate) height: u64,
}

impl Network {
    /// Returns the cut. With `max_height`, every chain is limited to `max_height` / number of
    /// chains (`Chainweb/CutDB/RestAPI/Server.hs`).
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

/// Adds a weight to a 256-bit sum, modulo 2^256.
fn add_le_bytes(sum: &mut [u8; 32], weight: Weight) {
    let mut carry = false;
    for (byte, add) in sum.iter_mut().zip(weight.to_le_bytes()) {
        let (sum, first) = byte.overflowing_add(add);
        let (sum, second) = sum.overflowing_add(u8::from(carry));
        *byte = sum;
        carry = first || second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_added_with_all_carries() {
        let mut first = [0; 32];
        first[..4].copy_from_slice(&0x01ff_ff80_u32.to_le_bytes());
        let mut sum = first;
        add_le_bytes(&mut sum, Weight::from_le_bytes(first));
        let mut expected = [0; 32];
        expected[..4].copy_from_slice(&0x03ff_ff00_u32.to_le_bytes());
        assert_eq!(sum, expected);

        // 0xff + 0x00 carries only because of the previous carry.
        let mut sum = [0xff; 32];
        sum[31] = 0;
        let mut one = [0; 32];
        one[0] = 1;
        add_le_bytes(&mut sum, Weight::from_le_bytes(one));
        let mut expected = [0; 32];
        expected[31] = 1;
        assert_eq!(sum, expected);
    }
}
