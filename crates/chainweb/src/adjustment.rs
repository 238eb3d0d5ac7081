//! How a network keeps its block delay: the target and the epoch start of the next block.
//!
//! At the end of an epoch every chain takes the mean of what its parent and its neighbours would choose by
//! themselves, in exact arithmetic (chainweb-node `src/Chainweb/BlockHeader/Internal.hs`, `powTarget` and
//! `epochStart`; `src/Chainweb/Difficulty.hs`, `adjust`). Where the node's conversion to 256 bits wraps, this
//! saturates, and no target is ever zero.

use std::time::Duration;

use ruint::Uint;
use ruint::aliases::U256;

use crate::{CreationTime, Target, WorkHeader};

/// 256 bits of target times 63 bits of time, and sums of some of them.
type U384 = Uint<384, 6>;

/// What a network fixes about its difficulty adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustmentRules {
    /// The intended time between two blocks of one chain; 30 s on all public networks.
    pub block_delay: Duration,
    /// The number of blocks in an epoch; 120 on all networks.
    pub window: u64,
    /// Whether the first epoch counts from the block at height 1: development networks, whose genesis is years old.
    pub fake_first_epoch_start: bool,
}

impl AdjustmentRules {
    /// The window in force after `parent`: a tenth until the first full window has passed.
    fn effective_window(&self, parent: &WorkHeader) -> u64 {
        let window = if parent.height() <= self.window {
            self.window / 10
        } else {
            self.window
        };
        window.max(1)
    }

    /// Whether the block after `parent` begins an epoch.
    fn ends_epoch(&self, parent: &WorkHeader) -> bool {
        parent
            .height()
            .wrapping_add(1)
            .is_multiple_of(self.effective_window(parent))
    }

    /// The target of the block after `parent`. `adjacent_parents` are the blocks on the neighbouring chains at the
    /// height of `parent`, in any order.
    pub fn next_target(&self, parent: &WorkHeader, adjacent_parents: &[&WorkHeader]) -> Target {
        if !self.ends_epoch(parent) {
            return parent.target();
        }
        let window = self.effective_window(parent);
        let epoch_micros = U384::from(self.block_delay.as_micros().max(1)) * U384::from(window);
        let adjusted = |header: &WorkHeader| -> U384 {
            let actual = header
                .creation_time()
                .saturating_since(header.epoch_start());
            let target = U384::from(header.target().as_u256());
            let exact = (target * U384::from(actual.as_micros())).div_ceil(epoch_micros);
            exact.min(U384::from(U256::MAX))
        };
        let sum = adjacent_parents
            .iter()
            .fold(adjusted(parent), |sum, header| sum + adjusted(header));
        let mean = sum / U384::from(adjacent_parents.len() + 1);
        // The mean of numbers of 256 bits has 256 bits.
        Target::from_u256(mean.saturating_to::<U256>().max(U256::ONE))
    }

    /// The epoch start of the block after `parent`. `genesis_height` is the height of the chain's first block, which
    /// is not 0 on a chain that a change of graph added.
    pub fn next_epoch_start(&self, parent: &WorkHeader, genesis_height: u64) -> CreationTime {
        let fake_first = self.fake_first_epoch_start && parent.height() == 1;
        let first_on_added_chain = parent.height() > 1 && parent.height() == genesis_height + 1;
        if fake_first || first_on_added_chain || self.ends_epoch(parent) {
            parent.creation_time()
        } else {
            parent.epoch_start()
        }
    }
}
