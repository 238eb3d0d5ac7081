//! What the bench measures: the network at one node, without server, in time that passes as the
//! caller wants.

use std::time::Duration;

use chainweb::{ChainGraph, CreationTime, Work};

use crate::config::{Config, Miner, ProofOfWork};
use crate::network::{Network, Solved, WorkAnswer, genesis_blocks};

const START: CreationTime = CreationTime::from_micros(1_700_000_000_000_000);

/// A network without proof of work, and its time.
#[derive(Debug)]
pub struct Simulation {
    network: Network,
    now: CreationTime,
    miner: Miner,
}

impl Simulation {
    /// Returns a network in its first state, with foreign miners of this hash rate.
    pub fn new(graph: ChainGraph, foreign_hash_rate: f64) -> Self {
        let config = Config {
            graph,
            foreign_hash_rate,
            proof_of_work: ProofOfWork::Disabled,
            ..Config::default()
        };
        let genesis = genesis_blocks(&config, START);
        Self {
            network: Network::of_node(config, 0, &genesis, START),
            now: START,
            miner: Miner::with_public_key("aa"),
        }
    }

    /// Lets time pass, with all that is due in it.
    pub fn advance(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.network.advance(self.now);
        // A server passes these on.
        self.network.take_events();
        self.network.take_touched();
    }

    /// Returns the number of blocks above the first ones.
    pub fn blocks(&self) -> u64 {
        let cut = self.network.cut(None);
        cut.map(|(_, block)| block.work().height()).sum()
    }

    /// Requests work.
    ///
    /// # Panics
    /// If there is none.
    pub fn work(&mut self) -> Work {
        match self.network.work(&self.miner, None, self.now) {
            WorkAnswer::Work(work) => work,
            other => panic!("no work: {other:?}"),
        }
    }

    /// Submits work as its own solution.
    ///
    /// # Panics
    /// If it is not accepted.
    pub fn solve(&mut self, work: &Work) {
        let solved = self.network.solve(work.header().as_bytes(), self.now);
        assert!(matches!(solved, Solved::Accepted(_)), "{solved:?}");
    }
}
