//! The state of the program at one moment, as plain data.
//!
//! Status line, summary, reports and tables render a snapshot; none keeps counts of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::ChainId;
use node::{Skew, Version};
use stratum::{Durations, WorkerSnapshot};

use super::counters::Counters;
use super::estimate::{ExpectedRate, NetworkRates, Odds, Rates, Window};
use super::event::{Event, FailureCause, Operation, RequestKind};
use super::faults::Faults;
use super::problem::Problem;
use super::recent::Shares;
use super::standing::Standing;
use super::work::Work;
use crate::history::{DiskFault, Fate};
use crate::job::{JobId, Jobs, NodeId};
use crate::meter::{Rate, Reading};
use crate::units::HashRate;

/// Everything that is known at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was made.
    pub at: Instant,
    /// The time since the engine started.
    pub elapsed: Duration,
    /// The program and the account that it mines for.
    pub program: Program,
    /// The nodes, in the order of the configuration.
    pub nodes: Vec<NodeSnapshot>,
    /// The live jobs.
    pub jobs: Arc<Jobs>,
    /// The nodes that can take the solution of each live job besides the one that issued it.
    pub insured: BTreeMap<JobId, BTreeSet<NodeId>>,
    /// Totals since the start.
    pub counters: Counters,
    /// The numbers of our blocks that reached each fate in this run. A block that comes to another
    /// fate is counted in both.
    pub fates: BTreeMap<Fate, u64>,
    /// Whether solved blocks that no node has taken are kept for the next start.
    pub is_kept: bool,
    /// Why the disk takes no records of the history at present, if it takes none.
    pub disk_fault: Option<DiskFault>,
    /// The time for which no job has been live though the worker wants some.
    pub without_work: Duration,
    /// The time for which there has been work without a long break.
    pub worked: Duration,
    /// The work of late on outdated jobs in per cent of all, where hashes are known.
    pub stale_percent: Option<f64>,
    /// What costs work or blocks, the worst first.
    pub problems: Arc<[Problem]>,
    /// How fast the worker hashes.
    pub hashing: Hashing,
    /// The work of this run.
    pub work: Work,
    /// The difficulty and hash rate of the network, as far as they are known.
    pub network: Option<NetworkRates>,
    /// The chains of the network, in order; none while no node has named them.
    pub chains: Vec<ChainSnapshot>,
    /// The mining devices. `None` unless the worker is the Stratum server.
    pub devices: Option<Arc<Devices>>,
    /// The latest events, oldest first, at most [`RECENT`].
    pub events: Vec<Arc<Record>>,
}

/// The most events that a snapshot holds.
pub const RECENT: usize = 256;

/// The program and the account that it mines for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The version of the program.
    pub version: &'static str,
    /// Who receives the rewards of blocks.
    pub payee: Payee,
}

/// Who receives the rewards of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payee {
    /// This account, with a public key.
    Account(String),
    /// No one, for want of a public key, unless the node is of the EVM line and chooses the account
    /// itself.
    NoKey,
    /// No account: the network is simulated.
    Simulated,
}

/// A node and its last known state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// Its address.
    pub address: String,
    /// The network that it serves, once it is known.
    pub network: Option<Network>,
    /// Whether it is of the EVM line, which chooses the account of blocks itself.
    pub is_evm: bool,
    /// The failures that still last, by kind of request.
    pub failures: BTreeMap<RequestKind, NodeFailure>,
    /// The time that its last answer took, unless it stopped answering. For work that includes the
    /// wait until there was some.
    pub latency: Option<Duration>,
    /// The times that its answers took, by operation and the cause of failure, if it failed.
    pub requests: BTreeMap<(Operation, Option<FailureCause>), Durations>,
    /// The connections opened to it.
    pub connections_opened: u64,
    /// The difference of its clock from that of this machine, once it is known.
    pub clock_skew: Option<Skew>,
    /// Its other faults.
    pub faults: Faults,
    /// What it is good for, where there are several nodes.
    pub standing: Standing,
    /// Whether it issues the work for free slots.
    pub is_serving: bool,
    /// Whether it only insures the jobs of other nodes.
    pub is_submit_only: bool,
}

impl NodeSnapshot {
    /// Returns whether the node is known and answers requests for `/info` and work.
    pub fn is_up(&self) -> bool {
        self.network.is_some() && self.down().is_none()
    }

    /// Returns why no work can be had of the node: the failure of requests for `/info` or work.
    pub fn down(&self) -> Option<&NodeFailure> {
        let kinds = [RequestKind::Info, RequestKind::Work];
        kinds.iter().find_map(|kind| self.failures.get(kind))
    }
}

/// A chain and its tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSnapshot {
    /// The chain.
    pub chain: ChainId,
    /// Its adjacent chains, in order; none where the node does not list the graph.
    pub adjacents: Vec<ChainId>,
    /// The height of its latest block, as far as it is known.
    pub height: Option<u64>,
    /// When that block came, unless it was before the start.
    pub changed: Option<Instant>,
    /// Whether an update stream reports its blocks.
    pub is_watched: bool,
}

/// A network as its node names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The name, such as `mainnet01`.
    pub version: Version,
    /// The number of chains; 0 if the node does not list them.
    pub chains: usize,
}

/// Requests to a node that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFailure {
    /// The kind of failure.
    pub cause: FailureCause,
    /// The error message.
    pub error: String,
    /// When the first of them was sent: its answer may take long.
    pub since: Instant,
}

/// How fast the worker hashes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hashing {
    /// The present rate: over the last ten seconds where hashes are counted, and over the last 15
    /// minutes where devices report shares.
    pub present: Rate,
    /// The mean rate since the start, with devices over their last day.
    pub mean: Rate,
    /// The hashes counted since the start; zero where they are not counted.
    pub counted: Reading,
}

/// The mining devices and the server that they are connected to.
#[derive(Clone, Debug)]
pub struct Devices {
    /// The devices, in the order of their names.
    pub each: Vec<Device>,
    /// Totals of the Stratum server.
    pub server: stratum::Counts,
    /// When they were read.
    pub at: Instant,
}

/// A mining device, by its worker name.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its shares.
    pub stats: WorkerSnapshot,
    /// Its hash rates in hashes per second, estimated from the difficulty of accepted shares. Time
    /// without a connection counts. `None` where shares are blocks.
    pub rates: Option<Rates>,
    /// The time for which it has been connected without a break; zero if it is not connected.
    pub connected: Duration,
    /// Its shares of late.
    pub recent: Shares,
    /// The blocks expected of its accepted shares. `None` where shares are blocks.
    pub expected: Option<f64>,
    /// The hash rate that it should have, if that is known.
    pub expected_rate: Option<ExpectedRate>,
    /// Whether it is at work.
    pub state: DeviceState,
}

/// Whether a device is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceState {
    /// It was connected before and is not connected now.
    Disconnected,
    /// It is connected and has sent no share for far longer than its rate makes plausible.
    Silent,
    /// It is connected.
    Active,
}

/// An event with its place in the order of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 0, without gaps.
    pub sequence: u64,
    /// When it was recorded.
    pub at: Instant,
    /// What happened.
    pub event: Event,
}

impl Device {
    /// Returns the present hash rate in hashes per second: zero unless the device is connected.
    /// `None` where shares are blocks.
    pub fn hash_rate(&self) -> Option<f64> {
        let rates = self.rates?;
        Some(match self.state {
            DeviceState::Disconnected => 0.0,
            DeviceState::Silent | DeviceState::Active => rates.over(Window::QuarterHour),
        })
    }

    /// Returns the mean hash rate in the last day in hashes per second, and the time since the
    /// first connection.
    pub(crate) fn day_rate(&self) -> Option<(f64, Duration)> {
        Some((self.rates?.over(Window::Day), self.stats.since))
    }
}

impl Snapshot {
    /// Returns the state of a program of which nothing else is known.
    pub fn new(at: Instant, elapsed: Duration, program: Program) -> Self {
        Self {
            at,
            elapsed,
            program,
            nodes: Vec::new(),
            jobs: Arc::default(),
            insured: BTreeMap::new(),
            counters: Counters::default(),
            fates: BTreeMap::new(),
            is_kept: false,
            disk_fault: None,
            without_work: Duration::ZERO,
            worked: Duration::ZERO,
            stale_percent: None,
            problems: Arc::default(),
            hashing: Hashing {
                present: Rate::Unknown,
                mean: Rate::Unknown,
                counted: Reading::default(),
            },
            work: Work::default(),
            network: None,
            chains: Vec::new(),
            devices: None,
            events: Vec::new(),
        }
    }

    /// Returns how many blocks a node is behind the highest one, in all chains together. `None` for
    /// the only node, for those on a fork or of another network, with which no others are compared
    /// either, and where heights are unknown.
    pub fn lag_blocks(&self, node: NodeId) -> Option<u64> {
        let heights = self
            .nodes
            .iter()
            .zip(&self.counters.nodes)
            .map(|(node, counts)| {
                let is_apart = matches!(node.standing, Standing::Forked | Standing::OtherNetwork);
                counts.cut_height.filter(|_| !is_apart)
            });
        let own = heights.clone().nth(node.0)??;
        let highest = heights.flatten().max()?;
        (self.nodes.len() > 1).then(|| highest - own)
    }

    /// Returns when the next blocks come at the present rate and the difficulty of the newest job.
    /// `None` without a job, or without hashes of a known number.
    pub fn odds(&self) -> Option<Odds> {
        let job = self.jobs.iter().next()?;
        // Simulated hashes are none.
        self.work.expected?;
        let rate = HashRate(self.hashing.present.hashes_per_second());
        Odds::of(rate, job.work.target().difficulty())
    }
}
