//! The simulated network, and the times of the client's requests.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, bail};
use chainweb::{ChainGraph, ChainId, Difficulty};
use simnet::{Config, Endpoint, Limits, Moment, Observation, Observer, Simnet};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Receiver;

use crate::options::Setting;

/// Capacity for observations between two samples; the client makes some tens of requests.
const OBSERVATIONS: usize = 1 << 16;

pub(crate) struct Network {
    simnet: Simnet,
    observations: Receiver<Observation>,
    /// What was observed since the last call of [`Network::forget`].
    seen: Vec<Observation>,
    _runtime: Runtime,
}

impl Network {
    /// Starts a network whose difficulty stays at one hash, whose nodes get each other's blocks at
    /// once, and which has new work as soon as it has a block.
    pub(crate) fn start(setting: &Setting) -> anyhow::Result<Self> {
        let graph = match setting.chains {
            10 => ChainGraph::petersen(),
            20 => ChainGraph::twenty(),
            98 => ChainGraph::d4k4(),
            // Fewer have no chain free for new work after some blocks.
            other => bail!("{other} chains are none of 10, 20 and 98"),
        };
        let (observer, observations) = Observer::channel(OBSERVATIONS);
        let mut limits = Limits::default();
        limits.payload_refresh = None;
        limits.priming = Duration::ZERO;
        let config = Config {
            graph,
            nodes: setting.nodes,
            propagation_delay: Duration::ZERO,
            block_delay: Duration::from_micros(1),
            start_difficulty: Difficulty::from_u128(1),
            observer: Some(observer),
            limits,
            ..Config::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let simnet = runtime
            .block_on(Simnet::start(config, (Ipv4Addr::LOCALHOST, 0).into()))
            .context("the simulated network does not start")?;
        Ok(Self {
            simnet,
            observations,
            seen: Vec::new(),
            _runtime: runtime,
        })
    }

    /// Returns the address of each node.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = String> {
        self.simnet
            .nodes()
            .iter()
            .map(|node| node.address().to_string())
    }

    /// Extends a chain at the first node.
    pub(crate) fn mine(&self, chain: ChainId) -> anyhow::Result<()> {
        self.simnet.mine_foreign(chain)?;
        Ok(())
    }

    /// Returns the number of the client's blocks in the cut.
    pub(crate) fn accepted(&self) -> u64 {
        self.simnet.report().tally.accepted
    }

    /// Forgets all that was observed so far.
    pub(crate) fn forget(&mut self) {
        self.look();
        self.seen.clear();
    }

    /// Takes the observations that are there.
    pub(crate) fn look(&mut self) {
        while let Ok(observation) = self.observations.try_recv() {
            self.seen.push(observation);
        }
    }

    /// Returns what was observed of an endpoint at a moment, in the order of time.
    pub(crate) fn observed(
        &self,
        endpoint: Endpoint,
        moment: Moment,
    ) -> impl DoubleEndedIterator<Item = &Observation> {
        self.seen
            .iter()
            .filter(move |seen| seen.endpoint == endpoint && seen.moment == moment)
    }
}
