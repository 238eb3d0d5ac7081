//! A whole client in a pure world: coordinator, Stratum sessions, the history's ledger and disk,
//! and one to five model nodes on up to twenty chains, in virtual time.
//!
//! A run is a [`Schedule`]: a list of steps with faults, drawn from a seed, then a time without
//! faults, in which everything has to recover. The [`invariants`] hold all the time. Nothing
//! depends on addresses, clocks or threads: the same schedule has the same trace.
//!
//! `SIMULATION_SEED=7` runs one seed, `SIMULATION_RUNS=100000` many, from that seed on. A seed that
//! fails is cut down to few steps, which are printed in the form of `kept.rs`. `SIMULATION_PRINT=1`
//! prints every event and action.

mod answers;
mod devices;
mod healing;
mod invariants;
mod kept;
mod memory;
mod model;
mod network;
mod nodes;
mod schedule;
mod shrink;
mod trace;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{BlockHash, ChainGraph, ChainId, WorkHeader};
use node::Cut;
use rand::rngs::Xoshiro256PlusPlus as Chance;
use rand::{RngExt, SeedableRng};

use self::devices::Farm;
use self::memory::Memory;
use self::model::Model;
use self::schedule::{Schedule, Setup, Worker};
use self::trace::Trace;
use super::super::{Config, Coordinator, Event, Request};
use crate::demand::Demand;
use crate::job::{Job, JobId, NodeId, Proof};
use crate::telemetry;
use crate::telemetry::event::BlockEvent;

/// The number of runs among all tests.
const RUNS: u64 = 150;
/// The number of seeds that are run twice for their traces.
const REPEATED: u64 = 15;

/// A request on its way to the node or back.
#[derive(Debug)]
struct Flight {
    node: NodeId,
    request: Request,
    /// The answer, and when it arrives at the earliest.
    answer: Option<(Event, Instant)>,
    /// When it was made, and the number of the event after which.
    sent: Instant,
    made: u64,
    /// Until when it waits for the disk.
    starts: Option<Instant>,
    /// Whether its connection is broken, which the client knows.
    is_lost: bool,
}

/// The client, its nodes, and what is known about both.
#[derive(Debug)]
struct World {
    rng: Chance,
    started: Instant,
    now: Instant,
    config: Config,
    coordinator: Coordinator,
    /// When it wants to be called next.
    wakeup: Option<Instant>,
    nodes: Vec<Model>,
    /// The sessions, if the worker is a Stratum server.
    farm: Option<Farm>,
    /// What outlives the program, if that is of interest.
    memory: Option<Memory>,
    /// The longest branch of each chain, by network, where there are several nodes.
    branches: BTreeMap<(u32, ChainId), Vec<BlockHash>>,
    /// The state of the nodes after they last learnt of everything.
    gossiped: Vec<(u64, bool, u32)>,
    /// The last cut of each node that arrived.
    cuts: BTreeMap<NodeId, Cut>,
    flights: Vec<Flight>,
    /// When each node last answered.
    answered: BTreeMap<NodeId, Instant>,
    /// All jobs ever live.
    jobs: Vec<Arc<Job>>,
    /// The place of each job among them.
    published: BTreeMap<JobId, usize>,
    /// The number of the event after which the work of each job was requested.
    requested: BTreeMap<JobId, u64>,
    retired: BTreeSet<JobId>,
    live: BTreeSet<JobId>,
    /// The events of the coordinator, and those of nodes, sessions and the disk: what reaches each.
    events: u64,
    other_events: u64,
    trace: Trace,
    /// The number of events so far, for one who sees the world fail.
    progress: Rc<Cell<u64>>,
    /// Whether all events and actions are printed.
    is_printed: bool,
    /// The number of requests for work.
    works: usize,
    /// The number of requests for the branches of submitted blocks.
    lookups: usize,
    /// The number at which the request was made whose answer is being handled.
    landing: u64,
    demand: Demand,
    /// Whether the worker wants work on certain chains at times.
    has_demands: bool,
    /// The number of the last event of a new cut.
    new_cuts: BTreeMap<(NodeId, ChainId), u64>,
    /// The same of the last one in a flood, when the cut decides.
    floods: BTreeMap<(NodeId, ChainId), u64>,
    /// The submitted blocks, and the jobs they solve.
    ours: BTreeSet<BlockHash>,
    solved: BTreeSet<JobId>,
    /// The nodes that did not know the payload of a solution.
    stale: BTreeSet<(NodeId, JobId)>,
    /// The reports about each block.
    blocks: BTreeMap<JobId, Vec<BlockEvent>>,
    /// The headers of blocks of earlier runs.
    restored: BTreeMap<JobId, WorkHeader>,
    /// The parents of submitted blocks, and the number of the event that last answered each.
    submitted_blocks: BTreeMap<JobId, (NodeId, BlockHash, Option<u64>)>,
    /// Those of them without an answer, and all by their parents.
    unanswered: Vec<JobId>,
    by_parent: BTreeMap<BlockHash, Vec<JobId>>,
    /// What was reported of nodes, and when.
    reports: Vec<(Instant, telemetry::Event)>,
}

/// How far a run is: its steps and events.
#[derive(Debug, Default)]
struct Progress {
    steps: Cell<usize>,
    events: Rc<Cell<u64>>,
}

/// The result of a run without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Played {
    events: u64,
    of_coordinator: u64,
    trace: Trace,
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the number of events belongs to the result"
)]
fn invariants_hold_in_simulated_runs() {
    let first = number("SIMULATION_SEED");
    let runs = match (number("SIMULATION_RUNS"), first) {
        (Some(runs), _) => runs,
        (None, Some(_)) => 1,
        (None, None) => RUNS,
    };
    let first = first.unwrap_or(0);
    let clock = cpu_time::ThreadTime::now();
    let (mut events, mut of_coordinator) = (0, 0);
    for seed in first..first + runs {
        let played = shrink::play_or_shrink(&Schedule::of_seed(seed), seed);
        events += played.events;
        of_coordinator += played.of_coordinator;
    }
    let seconds = clock.elapsed().as_secs_f64();
    let rate = events as f64 / seconds;
    println!("{runs} runs, {events} events, {of_coordinator} of them of the coordinator");
    println!("{rate:.0} events a second of processor time");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let first = number("SIMULATION_SEED").unwrap_or(0);
    let runs = number("SIMULATION_RUNS").unwrap_or(REPEATED);
    let mut traces = BTreeSet::new();
    for seed in first..first + runs {
        let schedule = Schedule::of_seed(seed);
        let played = play(&schedule);
        assert_eq!(played, play(&schedule), "seed {seed}");
        traces.insert(played.trace);
    }
    assert_eq!(traces.len() as u64, runs, "other seeds give other traces");
}

#[test]
fn kept_schedules_do_not_fail_again() {
    for schedule in kept::schedules() {
        play(&schedule);
    }
}

/// Runs a schedule.
///
/// # Panics
/// If an invariant is violated.
fn play(schedule: &Schedule) -> Played {
    play_along(schedule, &Progress::default())
}

/// Runs a schedule, and tells how far the run is.
///
/// # Panics
/// If an invariant is violated.
fn play_along(schedule: &Schedule, progress: &Progress) -> Played {
    let mut world = World::new(&schedule.setup);
    world.progress = Rc::clone(&progress.events);
    for (number, step) in schedule.steps.iter().enumerate() {
        progress.steps.set(number + 1);
        world.step(*step);
    }
    world.end(schedule.ending);
    Played {
        events: world.events + world.other_events,
        of_coordinator: world.events,
        trace: world.trace,
    }
}

impl World {
    fn new(setup: &Setup) -> Self {
        let config = setup.config();
        let mut world = Self::of(&config, setup.chains, Chance::seed_from_u64(setup.choice));
        world.has_demands = setup.worker == Worker::Demanding;
        let graph = Rc::new(setup.graph());
        for node in &mut world.nodes {
            node.graph = Some(Rc::clone(&graph));
            node.faults = setup.faults;
            node.is_evm = setup.is_evm;
            node.shares_payloads = config.nodes > 1 && setup.shares_payloads && !setup.is_evm;
            node.checks_proof = config.proof == Proof::Verified || world.rng.random_bool(0.3);
            if setup.worker == Worker::Devices {
                node.level_of = |chain| [0, 3, 5][chain.get() as usize % 3];
            }
        }
        if setup.worker == Worker::Devices {
            let mut farm = Farm::new(world.now, setup.difficulty, &mut world.rng);
            // Two nodes may issue the same bytes.
            farm.are_headers_unique = world.nodes.iter().all(|node| !node.shares_payloads);
            world.farm = Some(farm);
        }
        if setup.is_remembered {
            world.memory = Some(Memory::new(world.now));
        }
        world.handle(Event::Tick);
        world
    }

    /// A world of good nodes, in which nothing has happened yet.
    fn of(config: &Config, chains: u32, rng: Chance) -> Self {
        let now = Instant::now();
        let ours = Rc::default();
        let models = (0..config.nodes).map(|id| {
            let mut model = Model::new(id, chains, now);
            model.ours = Rc::clone(&ours);
            model
        });
        Self {
            rng,
            started: now,
            now,
            config: config.clone(),
            coordinator: Coordinator::new(now, config.clone()),
            wakeup: None,
            nodes: models.collect(),
            farm: None,
            memory: None,
            branches: BTreeMap::new(),
            gossiped: Vec::new(),
            cuts: BTreeMap::new(),
            flights: Vec::new(),
            answered: BTreeMap::new(),
            jobs: Vec::new(),
            published: BTreeMap::new(),
            requested: BTreeMap::new(),
            retired: BTreeSet::new(),
            live: BTreeSet::new(),
            events: 0,
            other_events: 0,
            trace: Trace::default(),
            progress: Rc::default(),
            is_printed: env::var_os("SIMULATION_PRINT").is_some(),
            works: 0,
            lookups: 0,
            landing: 0,
            demand: Demand::Any,
            has_demands: false,
            new_cuts: BTreeMap::new(),
            floods: BTreeMap::new(),
            ours: BTreeSet::new(),
            solved: BTreeSet::new(),
            stale: BTreeSet::new(),
            blocks: BTreeMap::new(),
            restored: BTreeMap::new(),
            submitted_blocks: BTreeMap::new(),
            unanswered: Vec::new(),
            by_parent: BTreeMap::new(),
            reports: Vec::new(),
        }
    }

    /// The program is killed, and starts again. It knows only what is on the disk.
    fn cut_off(&mut self) {
        if self.memory.is_none() {
            return;
        }
        self.end_of_flights();
        for node in &mut self.nodes {
            node.streams.clear();
        }
        let rng = Chance::seed_from_u64(self.rng.random());
        let mut fresh = Self::of(&self.config, 0, rng);
        fresh.coordinator = Coordinator::new(self.now, self.config.clone());
        (fresh.started, fresh.now) = (self.started, self.now);
        fresh.nodes = std::mem::take(&mut self.nodes);
        fresh.branches = std::mem::take(&mut self.branches);
        fresh.ours = std::mem::take(&mut self.ours);
        (fresh.events, fresh.other_events) = (self.events, self.other_events);
        (fresh.trace, fresh.has_demands) = (self.trace, self.has_demands);
        fresh.progress = Rc::clone(&self.progress);
        fresh.farm = self.farm.take();
        fresh.memory = self.memory.take();
        *self = fresh;
        if let Some(farm) = &mut self.farm {
            farm.restart(self.now, &mut self.rng);
        }
        self.start_again();
        self.handle(Event::Tick);
    }

    /// Returns the number of chains.
    fn chains(&self) -> u32 {
        u32::try_from(self.nodes[0].chains.len()).expect("few chains")
    }
}

impl Setup {
    fn graph(&self) -> ChainGraph {
        match self.chains {
            1 => ChainGraph::singleton(),
            2 => ChainGraph::pair(),
            3 => ChainGraph::triangle(),
            10 => ChainGraph::petersen(),
            20 => ChainGraph::twenty(),
            other => panic!("no graph of {other} chains"),
        }
    }
}
