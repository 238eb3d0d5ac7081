//! Random interleavings of everything that can happen, checked against invariants; then a time
//! without faults, in which everything has to recover.
//!
//! Each seed is a run of its own. `COORDINATOR_SEED=7` runs one, `COORDINATOR_RUNS=100000` many,
//! from that seed on.

mod answers;
mod healing;
mod invariants;
mod model;
mod network;
mod nodes;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use chainweb::{BlockHash, ChainId};
use node::Cut;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use self::model::Model;
use super::super::{Config, Coordinator, Event, Preemption, Request};
use crate::demand::Demand;
use crate::job::{Job, JobId, NodeId, Proof};
use crate::telemetry;
use crate::telemetry::event::BlockEvent;
use crate::timing::Timing;

/// The fewest events of a run.
const EVENTS: u64 = 100;

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
    /// Whether its connection is broken, which the client knows.
    is_lost: bool,
}

/// The coordinator, its nodes, and what is known about both.
#[derive(Debug)]
struct World {
    rng: StdRng,
    now: Instant,
    slots: usize,
    proof: Proof,
    coordinator: Coordinator,
    nodes: Vec<Model>,
    /// The longest branch of each chain, by network, where there are several nodes.
    branches: BTreeMap<(u32, ChainId), Vec<BlockHash>>,
    /// The last cut of each node that arrived.
    cuts: BTreeMap<NodeId, Cut>,
    flights: Vec<Flight>,
    /// When each node last answered.
    answered: BTreeMap<NodeId, Instant>,
    /// All jobs ever live, and the number of the event after which their work was requested.
    jobs: Vec<(Arc<Job>, u64)>,
    /// The number of the event after which the work of each job was requested.
    requested: BTreeMap<JobId, u64>,
    retired: BTreeSet<JobId>,
    live: BTreeSet<JobId>,
    events: u64,
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
    /// The parents of submitted blocks, and the number of the event that last answered each.
    submitted_blocks: BTreeMap<JobId, (NodeId, BlockHash, Option<u64>)>,
    /// What was reported of nodes, and when.
    reports: Vec<(Instant, telemetry::Event)>,
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the number of events belongs to the result"
)]
fn invariants_hold_under_random_interleavings() {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let first = number("COORDINATOR_SEED");
    let more = match (number("COORDINATOR_RUNS"), first) {
        (Some(runs), _) => runs,
        (None, Some(_)) => 1,
        (None, None) => 400,
    };
    let first = first.unwrap_or(0);
    let events: u64 = (first..first + more).map(run).sum();
    println!("{more} runs, {events} events");
}

/// A seed, printed if its run fails.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a seed that fails has to be known")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("COORDINATOR_SEED={}", self.0);
        }
    }
}

/// Returns the number of events.
fn run(seed: u64) -> u64 {
    let _seed = Seed(seed);
    let mut world = World::new(seed);
    let steps = world.rng.random_range(50..600);
    for _ in 0..steps {
        world.step();
    }
    while world.events < EVENTS {
        world.step();
    }
    world.heal();
    match world.rng.random_range(0..4) {
        0 => world.shut_down(),
        1 => world.look_up_blocks(),
        _ if world.nodes.len() == 1 => world.look_up_blocks(),
        2 => world.fail_over(),
        _ => world.lose_an_issuer(),
    }
    world.events
}

fn policy(rng: &mut StdRng) -> Preemption {
    let time = Duration::from_millis(rng.random_range(1..20_000));
    let policies = [
        Preemption::Immediate,
        Preemption::BatchComplete { batch: time },
        Preemption::Delayed(time),
        Preemption::Conditional { min_interval: time },
    ];
    *policies.choose(rng).expect("not empty")
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = *[1, 1, 2, 2, 3, 5].choose(&mut rng).expect("not empty");
        let slots = rng.random_range(1..=3);
        let chains = *[1, 2, 5].choose(&mut rng).expect("not empty");
        let has_demands = rng.random_bool(0.5);
        let proof = *[Proof::Verified, Proof::Verified, Proof::None]
            .choose(&mut rng)
            .expect("not empty");
        let faults = *[0, 5, 30].choose(&mut rng).expect("not empty");
        let insures = nodes > 1 && rng.random_bool(0.2);
        let config = Config {
            nodes,
            submit_only: usize::from(insures),
            work_slots: slots,
            preemption: policy(&mut rng),
            confirmations: 6,
            proof,
            timing: Timing {
                // Blocks are looked up as often as young ones.
                block_lookup_max: Timing::default().block_lookup_interval,
                ..Timing::default()
            },
        };
        let mut world = Self::of(&config, chains, rng);
        world.has_demands = has_demands;
        let shares_payloads = world.rng.random_bool(0.5);
        let is_evm = world.rng.random_bool(0.2);
        for node in &mut world.nodes {
            node.faults = faults;
            node.is_evm = is_evm;
            node.shares_payloads = nodes > 1 && shares_payloads && !is_evm;
            node.checks_proof = proof == Proof::Verified || world.rng.random_bool(0.3);
        }
        world.handle(Event::Tick);
        world
    }

    /// A world of good nodes, in which nothing has happened yet.
    fn of(config: &Config, chains: u32, rng: StdRng) -> Self {
        let now = Instant::now();
        let ours = Rc::default();
        let models = (0..config.nodes).map(|id| {
            let mut model = Model::new(id, chains, now);
            model.ours = Rc::clone(&ours);
            model
        });
        Self {
            rng,
            now,
            slots: config.work_slots,
            proof: config.proof,
            coordinator: Coordinator::new(now, config.clone()),
            nodes: models.collect(),
            branches: BTreeMap::new(),
            cuts: BTreeMap::new(),
            flights: Vec::new(),
            answered: BTreeMap::new(),
            jobs: Vec::new(),
            requested: BTreeMap::new(),
            retired: BTreeSet::new(),
            live: BTreeSet::new(),
            events: 0,
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
            submitted_blocks: BTreeMap::new(),
            reports: Vec::new(),
        }
    }
}
