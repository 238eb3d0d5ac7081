//! The graph of chains: which chains are adjacent.
//!
//! The graph is undirected. A chain can be extended once every adjacent chain is at least as high.
//! Known networks have named graphs; others come from a node's `/info`. Vertices and edges of the
//! named graphs: kadena-io/chainweb-node, `libs/digraph` (`petersenGraph`, `twentyChainGraph`, …),
//! and the EVM line of chainweb-node for `d4k4`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;

use crate::ChainId;

mod d4k4;

/// The error of an adjacency list that is not a chain graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is no chain.
    #[error("the graph has no chain")]
    Empty,
    /// A chain lists itself, another chain twice, or a chain that is missing or does not list it.
    #[error("chain {from} lists chain {to}, but there is no such edge")]
    Edge {
        /// The chain whose list has the edge.
        from: ChainId,
        /// The other chain.
        to: ChainId,
    },
    /// A chain cannot be reached from the first.
    #[error("the graph is not connected: chain {0} cannot be reached from the first")]
    Disconnected(ChainId),
}

/// The error of an unknown graph name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown graph {0:?}; known are {names}", names = ChainGraph::NAMES.join(", "))]
pub struct UnknownGraph(String);

/// An undirected, connected graph of chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainGraph {
    adjacency: BTreeMap<ChainId, Vec<ChainId>>,
}

impl ChainGraph {
    /// The names that `FromStr` accepts.
    pub const NAMES: [&'static str; 6] = [
        "singleton",
        "pair",
        "triangle",
        "petersen",
        "twenty",
        "d4k4",
    ];

    /// Returns the graph with these adjacent chains per chain, in any order.
    ///
    /// # Errors
    /// If the lists do not form an undirected, connected graph.
    pub fn from_adjacency(adjacency: BTreeMap<ChainId, Vec<ChainId>>) -> Result<Self, GraphError> {
        let mut graph = Self { adjacency };
        for adjacents in graph.adjacency.values_mut() {
            adjacents.sort_unstable();
        }
        for (&from, adjacents) in &graph.adjacency {
            for (i, &to) in adjacents.iter().enumerate() {
                if from == to
                    || adjacents[..i].contains(&to)
                    || !graph.adjacents(to).contains(&from)
                {
                    return Err(GraphError::Edge { from, to });
                }
            }
        }
        let first = graph.chains().next().ok_or(GraphError::Empty)?;
        let reached = graph.distances(first);
        if let Some(chain) = graph.chains().find(|chain| !reached.contains_key(chain)) {
            return Err(GraphError::Disconnected(chain));
        }
        Ok(graph)
    }

    fn from_table<const DEGREE: usize>(table: &[[u8; DEGREE]]) -> Self {
        let adjacency = (0..)
            .zip(table)
            .map(|(chain, row)| {
                (
                    ChainId::new(chain),
                    row.iter().map(|n| ChainId::new(u32::from(*n))).collect(),
                )
            })
            .collect();
        Self::from_adjacency(adjacency).expect("the tables are graphs")
    }

    /// Returns the graph of one chain.
    pub fn singleton() -> Self {
        Self::from_table(&[[]])
    }

    /// Returns the graph of two adjacent chains.
    pub fn pair() -> Self {
        Self::from_table(&[[1], [0]])
    }

    /// Returns the graph of three adjacent chains.
    pub fn triangle() -> Self {
        Self::from_table(&[[1, 2], [0, 2], [0, 1]])
    }

    /// Returns the graph of ten chains of degree 3 and diameter 2: the public networks at first.
    pub fn petersen() -> Self {
        Self::from_table(&[
            [2, 3, 5],
            [3, 4, 6],
            [0, 4, 7],
            [0, 1, 8],
            [1, 2, 9],
            [0, 6, 9],
            [1, 5, 7],
            [2, 6, 8],
            [3, 7, 9],
            [4, 5, 8],
        ])
    }

    /// Returns the graph of 20 chains of degree 3 and diameter 3: mainnet and most development
    /// networks.
    pub fn twenty() -> Self {
        Self::from_table(&[
            [5, 10, 15],
            [6, 11, 16],
            [7, 12, 17],
            [8, 13, 18],
            [9, 14, 19],
            [0, 7, 8],
            [1, 8, 9],
            [2, 5, 9],
            [3, 5, 6],
            [4, 6, 7],
            [0, 11, 19],
            [1, 10, 12],
            [2, 11, 13],
            [3, 12, 14],
            [4, 13, 15],
            [0, 14, 16],
            [1, 15, 17],
            [2, 16, 18],
            [3, 17, 19],
            [4, 10, 18],
        ])
    }

    /// Returns the graph of 98 chains of degree 4 and diameter 4: EVM networks.
    pub fn d4k4() -> Self {
        Self::from_table(&d4k4::ADJACENCY)
    }

    /// Returns the chains in ascending order.
    pub fn chains(&self) -> impl ExactSizeIterator<Item = ChainId> + '_ {
        self.adjacency.keys().copied()
    }

    /// Returns the number of chains.
    #[expect(clippy::len_without_is_empty, reason = "a graph has a chain")]
    pub fn len(&self) -> usize {
        self.adjacency.len()
    }

    /// Whether the graph has this chain.
    pub fn contains(&self, chain: ChainId) -> bool {
        self.adjacency.contains_key(&chain)
    }

    /// Returns the adjacent chains in ascending order, none for an unknown chain.
    pub fn adjacents(&self, chain: ChainId) -> &[ChainId] {
        self.adjacency.get(&chain).map_or(&[], Vec::as_slice)
    }

    /// Returns the largest number of adjacent chains.
    pub fn degree(&self) -> usize {
        self.adjacency.values().map(Vec::len).max().unwrap_or(0)
    }

    /// Returns the number of edges from `origin` to every chain, only itself for an unknown chain.
    pub fn distances(&self, origin: ChainId) -> BTreeMap<ChainId, usize> {
        let mut distances = BTreeMap::from([(origin, 0)]);
        let mut queue = VecDeque::from([(origin, 0)]);
        while let Some((chain, distance)) = queue.pop_front() {
            for &next in self.adjacents(chain) {
                if let Entry::Vacant(entry) = distances.entry(next) {
                    entry.insert(distance + 1);
                    queue.push_back((next, distance + 1));
                }
            }
        }
        distances
    }

    /// Returns the number of edges between two chains, or `None` if either is unknown.
    pub fn distance(&self, from: ChainId, to: ChainId) -> Option<usize> {
        if self.contains(from) {
            self.distances(from).get(&to).copied()
        } else {
            None
        }
    }

    /// Returns the largest distance between two chains, by which their heights can differ at most.
    pub fn diameter(&self) -> usize {
        self.chains()
            .filter_map(|chain| self.distances(chain).into_values().max())
            .max()
            .unwrap_or(0)
    }
}

impl FromStr for ChainGraph {
    type Err = UnknownGraph;

    fn from_str(name: &str) -> Result<Self, UnknownGraph> {
        match name {
            "singleton" => Ok(Self::singleton()),
            "pair" => Ok(Self::pair()),
            "triangle" => Ok(Self::triangle()),
            "petersen" => Ok(Self::petersen()),
            "twenty" => Ok(Self::twenty()),
            "d4k4" => Ok(Self::d4k4()),
            _ => Err(UnknownGraph(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ChainGraph, GraphError};
    use crate::ChainId;

    #[test]
    fn named_graphs_have_their_order_degree_and_diameter() {
        #[track_caller]
        fn check(name: &str, order: usize, degree: usize, diameter: usize) {
            let graph: ChainGraph = name.parse().expect("a known name");
            assert_eq!(
                (graph.len(), graph.degree(), graph.diameter()),
                (order, degree, diameter)
            );
            // All are regular.
            assert!(
                graph
                    .chains()
                    .all(|chain| graph.adjacents(chain).len() == degree)
            );
        }
        check("singleton", 1, 0, 0);
        check("pair", 2, 1, 1);
        check("triangle", 3, 2, 1);
        check("petersen", 10, 3, 2);
        check("twenty", 20, 3, 3);
        check("d4k4", 98, 4, 4);
        assert_eq!(
            "cube"
                .parse::<ChainGraph>()
                .map_err(|error| error.to_string()),
            Err(
                "unknown graph \"cube\"; known are singleton, pair, triangle, petersen, \
                 twenty, d4k4"
                    .to_owned()
            )
        );
    }

    #[test]
    fn an_invalid_adjacency_list_is_an_error_with_the_edge() {
        #[track_caller]
        fn check(rows: &[(u32, &[u32])], expected: GraphError) {
            let adjacency: BTreeMap<_, _> = rows
                .iter()
                .map(|(chain, row)| {
                    (
                        ChainId::new(*chain),
                        row.iter().copied().map(ChainId::new).collect(),
                    )
                })
                .collect();
            assert_eq!(ChainGraph::from_adjacency(adjacency), Err(expected));
        }
        let edge = |from, to| GraphError::Edge {
            from: ChainId::new(from),
            to: ChainId::new(to),
        };
        check(&[], GraphError::Empty);
        check(&[(0, &[0])], edge(0, 0));
        check(&[(0, &[1])], edge(0, 1));
        check(&[(0, &[1]), (1, &[])], edge(0, 1));
        check(&[(0, &[1, 1]), (1, &[0])], edge(0, 1));
        check(
            &[(0, &[]), (7, &[])],
            GraphError::Disconnected(ChainId::new(7)),
        );
    }

    #[test]
    fn distances_on_the_twenty_chain_graph() {
        let graph = ChainGraph::twenty();
        let distance = |from, to| graph.distance(ChainId::new(from), ChainId::new(to));
        assert_eq!(distance(7, 7), Some(0));
        assert_eq!(distance(0, 5), Some(1));
        assert_eq!(distance(0, 7), Some(2));
        assert_eq!(distance(0, 9), Some(3));
        assert_eq!(distance(0, 20), None);
        assert_eq!(distance(20, 20), None);
    }
}
