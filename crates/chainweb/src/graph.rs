//! The graph that braids the chains.
//!
//! Undirected: a chain can be extended once every neighbour is at least as high. The graphs of known networks are
//! here by name; any other comes from a node's `/info`. Vertices and edges of the named ones: chainweb-node
//! `libs/digraph` (`petersenGraph`, `twentyChainGraph`, …) and, for `d4k4`, the EVM line of chainweb-node.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;

use crate::ChainId;

mod d4k4;

/// Why an adjacency list is not a chain graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is no chain.
    #[error("a graph needs a chain")]
    Empty,
    /// A chain is its own neighbour, or has one twice, or one that is missing, or is not its neighbour's neighbour.
    #[error("chain {from} and its neighbour {to} do not form an edge")]
    Edge {
        /// The chain in whose list the edge stands.
        from: ChainId,
        /// The neighbour.
        to: ChainId,
    },
    /// Some chains cannot be reached from the first.
    #[error("the graph is not connected: chain {0} cannot be reached from the first")]
    Disconnected(ChainId),
}

/// A name that no graph has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no graph is called {0:?}; there are {names}", names = ChainGraph::NAMES.join(", "))]
pub struct UnknownGraph(String);

/// An undirected, connected graph of chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainGraph {
    adjacency: BTreeMap<ChainId, Vec<ChainId>>,
}

impl ChainGraph {
    /// The names that `FromStr` knows.
    pub const NAMES: [&'static str; 6] = [
        "singleton",
        "pair",
        "triangle",
        "petersen",
        "twenty",
        "d4k4",
    ];

    /// A graph from the neighbours of each chain, in any order.
    pub fn from_adjacency(adjacency: BTreeMap<ChainId, Vec<ChainId>>) -> Result<Self, GraphError> {
        let mut graph = Self { adjacency };
        for neighbours in graph.adjacency.values_mut() {
            neighbours.sort_unstable();
        }
        for (&from, neighbours) in &graph.adjacency {
            for (i, &to) in neighbours.iter().enumerate() {
                if from == to
                    || neighbours[..i].contains(&to)
                    || !graph.neighbours(to).contains(&from)
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
        Self::from_adjacency(adjacency).expect("the tables hold graphs")
    }

    /// One chain without neighbours.
    pub fn singleton() -> Self {
        Self::from_table(&[[]])
    }

    /// Two chains.
    pub fn pair() -> Self {
        Self::from_table(&[[1], [0]])
    }

    /// Three chains, each beside both others.
    pub fn triangle() -> Self {
        Self::from_table(&[[1, 2], [0, 2], [0, 1]])
    }

    /// Ten chains of degree 3 and diameter 2: the public networks in their first time.
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

    /// Twenty chains of degree 3 and diameter 3: mainnet and most development networks.
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

    /// Ninety-eight chains of degree 4 and diameter 4: EVM networks.
    pub fn d4k4() -> Self {
        Self::from_table(&d4k4::ADJACENCY)
    }

    /// The chains in ascending order.
    pub fn chains(&self) -> impl ExactSizeIterator<Item = ChainId> + '_ {
        self.adjacency.keys().copied()
    }

    /// The number of chains.
    #[expect(clippy::len_without_is_empty, reason = "a graph has a chain")]
    pub fn len(&self) -> usize {
        self.adjacency.len()
    }

    /// Whether the chain is one of the graph's.
    pub fn contains(&self, chain: ChainId) -> bool {
        self.adjacency.contains_key(&chain)
    }

    /// The neighbours of a chain in ascending order; empty for a chain that is not of the graph.
    pub fn neighbours(&self, chain: ChainId) -> &[ChainId] {
        self.adjacency.get(&chain).map_or(&[], Vec::as_slice)
    }

    /// The largest number of neighbours.
    pub fn degree(&self) -> usize {
        self.adjacency.values().map(Vec::len).max().unwrap_or(0)
    }

    /// The number of edges between `origin` and every chain; of a chain that is not of the graph, only itself.
    pub fn distances(&self, origin: ChainId) -> BTreeMap<ChainId, usize> {
        let mut distances = BTreeMap::from([(origin, 0)]);
        let mut queue = VecDeque::from([(origin, 0)]);
        while let Some((chain, distance)) = queue.pop_front() {
            for &next in self.neighbours(chain) {
                if let Entry::Vacant(entry) = distances.entry(next) {
                    entry.insert(distance + 1);
                    queue.push_back((next, distance + 1));
                }
            }
        }
        distances
    }

    /// The number of edges between two chains; `None` where one of them is not of the graph.
    pub fn distance(&self, from: ChainId, to: ChainId) -> Option<usize> {
        if self.contains(from) {
            self.distances(from).get(&to).copied()
        } else {
            None
        }
    }

    /// The largest distance between two chains; the heights of a network never differ by more.
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
                    .all(|chain| graph.neighbours(chain).len() == degree)
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
                "no graph is called \"cube\"; there are singleton, pair, triangle, petersen, \
                 twenty, d4k4"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_list_that_is_no_graph_is_refused_with_the_place() {
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
