//! What becomes of blocks about which nodes disagree.

use std::time::Duration;

use chainweb::ChainId;

use super::super::super::super::{Config, Event};
use super::{CHAINS, SECOND, World, chance};
use crate::job::NodeId;
use crate::telemetry::Standing;
use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::BlockEvent;

impl World {
    /// Mines until a block of ours is in the cut, and puts seven others on it. Returns its chain.
    fn bury_a_block(&mut self) -> ChainId {
        while self.nodes[0].count(&self.ours) == 0 {
            self.solve();
            self.calm(Duration::ZERO);
        }
        let chain = self.chain_of_ours();
        for _ in 0..7 {
            self.nodes[0].foreign_block(chain);
        }
        chain
    }

    /// A block of ours is under seven others on all nodes but the last, which has others in its
    /// place, in all this many. Four seconds pass, in which it is looked up.
    fn disputed(nodes: usize, others: usize) -> Self {
        let mut world = Self::mining(nodes);
        let last = nodes - 1;
        world.nodes[last].is_frozen = true;
        let chain = world.bury_a_block();
        for _ in 0..others {
            world.nodes[last].foreign_block(chain);
        }
        world.calm(4 * SECOND);
        for node in 0..nodes {
            assert_eq!(world.standing(node), Standing::Ready);
        }
        world
    }

    fn chain_of_ours(&self) -> ChainId {
        let mut chains = self.nodes[0].chains.iter();
        let found = chains.find(|(_, chain)| {
            let mut blocks = chain.blocks.iter();
            blocks.any(|block| self.ours.contains(block))
        });
        *found.expect("it is in the cut").0
    }

    /// Whether a block was confirmed or orphaned.
    fn is_any_final(&self) -> bool {
        let mut events = self.blocks.values().flatten();
        events.any(|event| {
            let is_confirmed = matches!(event, BlockEvent::Confirmed { .. });
            is_confirmed || matches!(event, BlockEvent::Orphaned { .. })
        })
    }

    #[track_caller]
    fn expect_blocks(&self, expected: BlockCounts) {
        assert_eq!(self.coordinator.counters().blocks, expected);
    }
}

fn accepted() -> BlockCounts {
    BlockCounts {
        accepted: 1,
        ..BlockCounts::default()
    }
}

#[test]
fn of_two_nodes_the_heavier_decides_and_alone_for_good() {
    let mut world = World::disputed(2, 7);
    world.expect_blocks(accepted());
    assert!(!world.is_any_final());
    // The other one is behind from now on.
    world.calm(2 * SECOND);
    world.expect_blocks(accepted());
    assert!(world.is_any_final());

    let mut world = World::disputed(2, 9);
    world.expect_blocks(BlockCounts {
        displaced: 1,
        ..BlockCounts::default()
    });
    world.calm(2 * SECOND);
    world.expect_blocks(BlockCounts {
        orphaned: 1,
        ..BlockCounts::default()
    });
}

#[test]
fn of_three_nodes_the_majority_decides() {
    let world = World::disputed(3, 9);
    world.expect_blocks(accepted());
    assert!(!world.is_any_final());
}

#[test]
fn a_block_on_which_all_agree_is_final() {
    let mut world = World::mining(3);
    world.bury_a_block();
    world.calm(5 * SECOND);
    world.expect_blocks(accepted());
    assert!(world.is_any_final());
}

#[test]
fn a_node_that_was_never_as_high_as_a_block_does_not_make_it_unknown() {
    let mut world = World::mining(2);
    world.nodes[1].is_frozen = true;
    for chain in world.nodes[0].chains.keys().copied().collect::<Vec<_>>() {
        for _ in 0..10 {
            world.nodes[0].foreign_block(chain);
        }
    }
    world.calm(SECOND);
    while world.nodes[0].count(&world.ours) == 0 {
        world.solve();
        world.calm(Duration::ZERO);
    }
    world.kill(NodeId(0));
    world.calm(20 * SECOND);
    assert_eq!(world.standing(1), Standing::Ready);
    let blocks = world.coordinator.counters().blocks;
    assert_eq!((blocks.pending + blocks.accepted, blocks.unknown), (1, 0));
}

#[test]
fn a_block_of_the_evm_line_is_known_by_its_header() {
    for nodes in [1, 2] {
        let mut world = World::of(&Config::of_nodes(nodes), CHAINS, chance());
        for node in &mut world.nodes {
            node.is_evm = true;
        }
        world.handle(Event::Tick);
        world.blocks(10);
        world.bury_a_block();
        world.calm(5 * SECOND);
        world.expect_blocks(accepted());
        assert!(world.is_any_final());
    }
}
