//! The blocks that braiding forces: how high each chain has to be for others to reach their
//! targets.
//!
//! A block builds on blocks of the same height on all adjacent chains. A chain can therefore be at
//! height h only if the chains at distance d are at h − d at least. No other blocks are needed:
//! while a chain lacks blocks, one of the lacking chains can be extended.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use chainweb::{ChainGraph, ChainId};

/// Returns the lowest height of each chain at which all targets can be reached.
pub(super) fn required(
    graph: &ChainGraph,
    targets: impl IntoIterator<Item = (ChainId, u64)>,
) -> BTreeMap<ChainId, u64> {
    let mut required = BTreeMap::new();
    // Those that are required, the highest first: each forces its adjacent chains.
    let targets = targets.into_iter();
    let mut open: BinaryHeap<_> = targets.map(|(chain, height)| (height, chain)).collect();
    while let Some((height, chain)) = open.pop() {
        if let Entry::Vacant(place) = required.entry(chain) {
            place.insert(height);
            let adjacents = graph.adjacents(chain).iter();
            open.extend(adjacents.map(|next| (height.saturating_sub(1), *next)));
        }
    }
    required
}

/// Returns the chains that are lower than required and can be extended now. A chain of unknown
/// height is not among them, and does not block others.
pub(super) fn extendable(
    graph: &ChainGraph,
    heights: &BTreeMap<ChainId, u64>,
    required: &BTreeMap<ChainId, u64>,
) -> BTreeSet<ChainId> {
    let lacking = required.iter().filter(|(chain, required)| {
        let mut adjacents = graph.adjacents(**chain).iter();
        heights.get(chain).is_some_and(|height| {
            height < required
                && adjacents.all(|next| heights.get(next).is_none_or(|next| next >= height))
        })
    });
    lacking.map(|(chain, _)| *chain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    type Heights = BTreeMap<ChainId, u64>;

    fn graph() -> impl Strategy<Value = ChainGraph> {
        (0..ChainGraph::NAMES.len())
            .prop_map(|at| ChainGraph::NAMES[at].parse().expect("a known name"))
    }

    fn can_be_extended(graph: &ChainGraph, heights: &Heights, chain: ChainId) -> bool {
        let mut adjacents = graph.adjacents(chain).iter();
        adjacents.all(|next| heights[next] >= heights[&chain])
    }

    /// Returns heights that a network can have: each choice extends one of the extendable chains.
    fn grown(graph: &ChainGraph, choices: &[usize]) -> Heights {
        let mut heights: Heights = graph.chains().map(|chain| (chain, 5)).collect();
        for choice in choices {
            let open: Vec<_> = graph
                .chains()
                .filter(|chain| can_be_extended(graph, &heights, *chain))
                .collect();
            *heights.entry(open[choice % open.len()]).or_default() += 1;
        }
        heights
    }

    /// Extends a chain without the use of distances, its adjacent chains first; returns the number
    /// of blocks.
    fn raise(graph: &ChainGraph, heights: &mut Heights, chain: ChainId, to: u64) -> u64 {
        let mut blocks = 0;
        while heights[&chain] < to {
            let height = heights[&chain];
            for next in graph.adjacents(chain) {
                blocks += raise(graph, heights, *next, height);
            }
            assert!(can_be_extended(graph, heights, chain));
            heights.insert(chain, height + 1);
            blocks += 1;
        }
        blocks
    }

    #[test]
    fn three_blocks_on_a_chain_of_twenty_take_fifteen_from_a_flat_cut() {
        let graph = ChainGraph::twenty();
        let heights: Heights = graph.chains().map(|chain| (chain, 0)).collect();
        let required = required(&graph, [(ChainId::new(7), 3)]);
        let at = |height| {
            let chains = required.iter().filter(|(_, needed)| **needed == height);
            chains.map(|(chain, _)| chain.get()).collect::<Vec<_>>()
        };
        assert_eq!(at(3), [7]);
        assert_eq!(at(2), [2, 5, 9]);
        assert_eq!(at(1), [0, 4, 6, 8, 12, 17]);
        assert_eq!(required.values().sum::<u64>(), 15);
        let first = extendable(&graph, &heights, &required);
        let first: Vec<_> = first.iter().map(|chain| chain.get()).collect();
        assert_eq!(first, [0, 2, 4, 5, 6, 7, 8, 9, 12, 17]);
    }

    #[test]
    fn a_chain_of_unknown_height_is_not_extended() {
        let graph = ChainGraph::pair();
        let [here, there] = [0, 1].map(ChainId::new);
        let required = required(&graph, [(here, 2)]);
        assert_eq!(required, [(here, 2), (there, 1)].into());
        let known = [(here, 1)].into();
        assert_eq!(extendable(&graph, &known, &required), [here].into());
    }

    proptest! {
        #[test]
        fn extending_in_any_order_reaches_the_targets_with_the_fewest_blocks(
            graph in graph(),
            past in vec(any::<usize>(), 0..200),
            targets in vec((any::<prop::sample::Index>(), 0_u64..4), 0..4),
            mut order in vec(any::<usize>(), 1..50),
        ) {
            let chains: Vec<_> = graph.chains().collect();
            let start = grown(&graph, &past);
            let targets: Heights = targets
                .into_iter()
                .map(|(at, more)| (*at.get(&chains), more))
                .map(|(chain, more)| (chain, start[&chain] + more))
                .collect();
            let required = required(&graph, targets.clone());
            let mut heights = start.clone();
            let mut blocks = 0;
            loop {
                let open: Vec<_> = extendable(&graph, &heights, &required).into_iter().collect();
                if open.is_empty() {
                    break;
                }
                order.rotate_left(1);
                let chain = open[order[0] % open.len()];
                prop_assert!(can_be_extended(&graph, &heights, chain));
                heights.entry(chain).and_modify(|height| *height += 1);
                blocks += 1;
            }
            for (chain, target) in &targets {
                prop_assert!(heights[chain] >= *target);
            }
            let mut by_hand = start;
            let fewest: u64 = targets
                .iter()
                .map(|(chain, target)| raise(&graph, &mut by_hand, *chain, *target))
                .sum();
            prop_assert_eq!(blocks, fewest);
            prop_assert_eq!(heights, by_hand);
        }
    }
}
