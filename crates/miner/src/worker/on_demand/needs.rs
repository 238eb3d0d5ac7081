//! Which blocks braiding forces: how high each chain has to be before others can reach their goals.
//!
//! A block stands on blocks of the same height on all neighbours, so that a chain can be at height h only if the
//! chains at distance d are at h − d at least. That is all that is needed and no more: wherever a chain lacks blocks,
//! some chain that lacks one can be extended. Pure functions of a graph and of heights; what a goal is they do not know.

use std::collections::{BTreeMap, BTreeSet};

use chainweb::{ChainGraph, ChainId};

/// The height that each chain has to reach so that the goals can be reached, and no goal needs more.
pub(super) fn required(
    graph: &ChainGraph,
    goals: &BTreeMap<ChainId, u64>,
) -> BTreeMap<ChainId, u64> {
    let mut required = BTreeMap::new();
    for (&goal, &target) in goals {
        for (chain, distance) in graph.distances(goal) {
            let height = target.saturating_sub(distance as u64);
            let highest = required.entry(chain).or_insert(height);
            *highest = height.max(*highest);
        }
    }
    required
}

/// The chains that are lower than required and can be extended now. Of a chain whose height is not known nothing can be
/// told: it is not among them.
pub(super) fn mineable(
    graph: &ChainGraph,
    heights: &BTreeMap<ChainId, u64>,
    required: &BTreeMap<ChainId, u64>,
) -> BTreeSet<ChainId> {
    let can_be_extended = |chain: ChainId, height: u64| {
        let mut beside = graph.adjacents(chain).iter();
        beside.all(|next| heights.get(next).is_none_or(|beside| *beside >= height))
    };
    required
        .iter()
        .filter_map(|(&chain, &wanted)| {
            let height = *heights.get(&chain)?;
            (height < wanted && can_be_extended(chain, height)).then_some(chain)
        })
        .collect()
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
        let mut beside = graph.adjacents(chain).iter();
        beside.all(|next| heights[next] >= heights[&chain])
    }

    /// Heights as a network comes to them: any extendable chain grows, as often as there are choices.
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

    /// What a miner does that knows nothing of distances: before a chain can be extended its neighbours are.
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
        let required = required(&graph, &[(ChainId::new(7), 3)].into());
        let at = |height| {
            let chains = required.iter().filter(|(_, needed)| **needed == height);
            chains.map(|(chain, _)| chain.get()).collect::<Vec<_>>()
        };
        assert_eq!(at(3), [7]);
        assert_eq!(at(2), [2, 5, 9]);
        assert_eq!(at(1), [0, 4, 6, 8, 12, 17]);
        assert_eq!(required.values().sum::<u64>(), 15);
        let first = mineable(&graph, &heights, &required);
        let first: Vec<_> = first.iter().map(|chain| chain.get()).collect();
        assert_eq!(first, [0, 2, 4, 5, 6, 7, 8, 9, 12, 17]);
    }

    #[test]
    fn a_chain_of_unknown_height_is_not_extended() {
        let graph = ChainGraph::pair();
        let [here, there] = [0, 1].map(ChainId::new);
        let required = required(&graph, &[(here, 2)].into());
        assert_eq!(required, [(here, 2), (there, 1)].into());
        let known = [(here, 1)].into();
        assert_eq!(mineable(&graph, &known, &required), [here].into());
    }

    proptest! {
        #[test]
        fn extending_what_is_needed_ends_at_the_goals_with_the_fewest_blocks_in_any_order(
            graph in graph(),
            past in vec(any::<usize>(), 0..200),
            goals in vec((any::<prop::sample::Index>(), 0_u64..4), 0..4),
            mut order in vec(any::<usize>(), 1..50),
        ) {
            let chains: Vec<_> = graph.chains().collect();
            let start = grown(&graph, &past);
            let goals: Heights = goals
                .into_iter()
                .map(|(at, more)| (*at.get(&chains), more))
                .map(|(chain, more)| (chain, start[&chain] + more))
                .collect();
            let required = required(&graph, &goals);
            let mut heights = start.clone();
            let mut blocks = 0;
            loop {
                let open: Vec<_> = mineable(&graph, &heights, &required).into_iter().collect();
                if open.is_empty() {
                    break;
                }
                order.rotate_left(1);
                let chain = open[order[0] % open.len()];
                prop_assert!(can_be_extended(&graph, &heights, chain));
                heights.entry(chain).and_modify(|height| *height += 1);
                blocks += 1;
            }
            for (chain, target) in &goals {
                prop_assert!(heights[chain] >= *target);
            }
            let mut by_hand = start;
            let fewest: u64 = goals
                .iter()
                .map(|(chain, target)| raise(&graph, &mut by_hand, *chain, *target))
                .sum();
            prop_assert_eq!(blocks, fewest);
            prop_assert_eq!(heights, by_hand);
        }
    }
}
