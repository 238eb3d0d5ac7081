//! Forks of one node, young and old ones.

use std::time::Duration;

use chainweb::ChainId;

use super::{CHAINS, SECOND, World};
use crate::telemetry::Standing;

impl World {
    /// The last node leaves the branch of the others so many blocks below their tips on each chain.
    /// From there, it has as many blocks more as `higher`, which have little weight.
    fn fork_last(&mut self, depth: usize, higher: usize) {
        let last = self.nodes.len() - 1;
        let node = &mut self.nodes[last];
        node.is_frozen = true;
        node.block_weight = 1;
        for chain in (0..CHAINS).map(ChainId::new) {
            node.fork(chain, depth, depth + higher);
        }
    }

    /// For thirty seconds, the last node is never mined on, and reported as one on a fork.
    #[track_caller]
    fn expect_fork(&mut self, is_growing: bool) {
        let (start, last) = (self.now, self.nodes.len() - 1);
        for _ in 0..30 {
            if is_growing {
                self.blocks(1);
            } else {
                self.calm(SECOND);
            }
            assert!(!self.mines_on(last));
        }
        let at = self.reported(last, Standing::Forked);
        let at = at.expect("it is reported") - start;
        assert!(at <= Duration::from_secs(30), "{at:?}");
    }
}

#[test]
fn a_fork_of_any_depth_is_found_within_thirty_seconds() {
    for nodes in [2, 3] {
        for depth in [1, 2, 5] {
            for (higher, is_growing) in [(1, false), (20, true)] {
                let mut world = World::mining(nodes);
                world.blocks(60);
                world.fork_last(depth, higher);
                world.expect_fork(is_growing);
            }
        }
    }
}
