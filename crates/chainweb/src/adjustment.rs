//! Difficulty adjustment: the target and the epoch start of the next block.
//!
//! At the end of an epoch a chain's target becomes the mean of the targets adjusted from its parent
//! and from each adjacent block, in exact arithmetic (kadena-io/chainweb-node
//! `src/Chainweb/BlockHeader/Internal.hs`, `powTarget` and `epochStart`;
//! `src/Chainweb/Difficulty.hs`, `adjust`). The node's conversion to 256 bits wraps; this one
//! saturates and never returns zero.

use std::time::Duration;

use ruint::Uint;
use ruint::aliases::U256;

use crate::{CreationTime, Target, WorkHeader};

/// Holds sums of products of a target (256 bits) and a time (63 bits).
type U384 = Uint<384, 6>;

/// A network's parameters of difficulty adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustmentRules {
    /// The intended time between two blocks of a chain; 30 s on all public networks.
    pub block_delay: Duration,
    /// The number of blocks in an epoch; 120 on all networks.
    pub window: u64,
    /// Whether the first epoch starts at the block at height 1, as on development networks, whose
    /// genesis is years old.
    pub fake_first_epoch_start: bool,
}

impl AdjustmentRules {
    /// Returns the window after `parent`: a tenth until the first full window is over.
    fn effective_window(&self, parent: &WorkHeader) -> u64 {
        let window = if parent.height() <= self.window {
            self.window / 10
        } else {
            self.window
        };
        window.max(1)
    }

    /// Whether the block after `parent` starts an epoch.
    fn ends_epoch(&self, parent: &WorkHeader) -> bool {
        parent
            .height()
            .wrapping_add(1)
            .is_multiple_of(self.effective_window(parent))
    }

    /// Returns the target of the block after `parent`. `adjacent_parents` are the blocks on the
    /// adjacent chains at the height of `parent`, in any order.
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
        // The mean of 256-bit numbers fits 256 bits.
        Target::from_u256(mean.saturating_to::<U256>().max(U256::ONE))
    }

    /// Returns the epoch start of the block after `parent`. `genesis_height` is the height of the
    /// chain's first block: not 0 for a chain added with a later graph.
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
