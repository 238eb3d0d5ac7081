//! Random interleavings of everything that can happen, checked against invariants; then a time
//! without faults, in which everything has to recover.
//!
//! Each seed is a run of its own. `COORDINATOR_SEED=7` runs one, `COORDINATOR_RUNS=100000` many.

mod model;
mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId, CreationTime, Nonce};
use node::{Cut, Lost, UpdateEvent};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use self::model::Model;
use super::super::{Action, Config, Coordinator, Event, Preemption, Request};
use super::pieces::broken;
use crate::demand::{Demand, Source, View};
use crate::job::{Job, JobId, Jobs, NodeId, Proof, Solution};
use crate::telemetry::event::BlockEvent;
use crate::telemetry::{self, Standing};
use crate::timing::Timing;

/// Longer than the longest pause, which follows a refused miner key, by enough for the node to
/// choose its last free chain by chance, once a second.
const HEALING: Duration = Duration::from_secs(90);
/// The time for two lookups of a block.
const SETTLING: Duration = Duration::from_secs(25);

/// A request on its way to the node or back.
#[derive(Debug)]
struct Flight {
    node: NodeId,
    request: Request,
    answer: Option<Event>,
    /// The number of the event after which it was made.
    made: u64,
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
    /// The longest branch of each chain, where there are several nodes.
    branches: BTreeMap<ChainId, Vec<BlockHash>>,
    /// The last cut of each node that arrived.
    cuts: BTreeMap<NodeId, Cut>,
    flights: Vec<Flight>,
    /// All jobs ever live, and the number of the event after which their work was requested.
    jobs: Vec<(Arc<Job>, u64)>,
    retired: BTreeSet<JobId>,
    live: BTreeSet<JobId>,
    events: u64,
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
    /// The reports about each block.
    blocks: BTreeMap<JobId, Vec<BlockEvent>>,
    /// The parents of submitted blocks, and the number of the event that last answered each.
    submitted_blocks: BTreeMap<JobId, (NodeId, BlockHash, Option<u64>)>,
    /// What was reported of nodes, and when.
    reports: Vec<(Instant, telemetry::Event)>,
}

#[test]
fn invariants_hold_under_random_interleavings() {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let seeds = match number("COORDINATOR_SEED") {
        Some(seed) => seed..=seed,
        None => 0..=number("COORDINATOR_RUNS").unwrap_or(400),
    };
    for seed in seeds {
        run(seed);
    }
}

#[expect(clippy::print_stderr, reason = "a seed that fails has to be known")]
fn run(seed: u64) {
    eprintln!("COORDINATOR_SEED={seed}");
    let mut world = World::new(seed);
    let steps = world.rng.random_range(50..600);
    for _ in 0..steps {
        world.step();
    }
    world.heal();
    if world.rng.random_bool(0.5) {
        world.shut_down();
    } else {
        world.look_up_blocks();
    }
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
        let config = Config {
            nodes,
            submit_only: 0,
            work_slots: slots,
            preemption: policy(&mut rng),
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
        for node in &mut world.nodes {
            node.faults = faults;
            node.shares_payloads = nodes > 1 && shares_payloads;
            node.checks_proof = proof == Proof::Verified || world.rng.random_bool(0.3);
        }
        world.handle(Event::Tick);
        world
    }

    /// A world of good nodes, in which nothing has happened yet.
    fn of(config: &Config, chains: u32, rng: StdRng) -> Self {
        let now = Instant::now();
        let ids = 0..config.nodes;
        Self {
            rng,
            now,
            slots: config.work_slots,
            proof: config.proof,
            coordinator: Coordinator::new(now, config.clone()),
            nodes: ids.map(|id| Model::new(id, chains, now)).collect(),
            branches: BTreeMap::new(),
            cuts: BTreeMap::new(),
            flights: Vec::new(),
            jobs: Vec::new(),
            retired: BTreeSet::new(),
            live: BTreeSet::new(),
            events: 0,
            landing: 0,
            demand: Demand::Any,
            has_demands: false,
            new_cuts: BTreeMap::new(),
            floods: BTreeMap::new(),
            ours: BTreeSet::new(),
            solved: BTreeSet::new(),
            blocks: BTreeMap::new(),
            submitted_blocks: BTreeMap::new(),
            reports: Vec::new(),
        }
    }

    fn handle(&mut self, event: Event) {
        self.events += 1;
        let new_cut = match &event {
            Event::Update {
                node,
                subscription,
                chain,
                update: UpdateEvent::NewCut,
            } => {
                let stream = self.nodes[node.0].streams.get(chain);
                let is_present = stream.is_some_and(|it| it.subscription == *subscription);
                is_present.then_some((*node, *chain))
            }
            _ => None,
        };
        let solved = match &event {
            Event::Solved(solution) => Some(solution.job.id),
            _ => None,
        };
        let before = self.coordinator.counters().solutions;
        let cut = match &event {
            Event::Cut {
                node,
                result: Ok(cut),
                ..
            } => Some((*node, cut.clone())),
            _ => None,
        };
        self.cuts.extend(cut);
        let actions = self.coordinator.handle(self.now, event);
        for (job, (.., answered)) in &mut self.submitted_blocks {
            if !self.coordinator.submissions.open.contains_key(job) {
                answered.get_or_insert(self.events);
            }
        }
        if let Some((node, chain)) = new_cut {
            self.new_cuts.insert((node, chain), self.events);
            if self.coordinator.nodes[node.0].streams.is_flooded(chain) {
                self.floods.insert((node, chain), self.events);
                let live = self.coordinator.live.find(node, chain);
                let is_suspect = live.is_none_or(|live| live.is_unconfirmed());
                assert!(is_suspect, "the cut would not decide");
            }
        }
        if self.coordinator.counters().solutions > before {
            let is_first = solved.is_some_and(|job| self.solved.insert(job));
            assert!(is_first, "submitted twice: {solved:?}");
        }
        for action in actions {
            self.carry_out(action);
        }
        self.check();
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Publish(jobs) => {
                self.check_replacements(&jobs);
                for job in jobs.iter().filter(|job| !self.live.contains(&job.id)) {
                    self.check_not_passed(job);
                }
                let live: BTreeSet<_> = jobs.iter().map(|job| job.id).collect();
                self.retired.extend(self.live.difference(&live));
                self.live = live;
                for job in jobs.iter() {
                    if !self.jobs.iter().any(|(known, _)| known.id == job.id) {
                        self.jobs.push((Arc::clone(job), self.landing));
                    }
                }
            }
            Action::Show(view) => self.check_view(&view),
            Action::Subscribe {
                node,
                version,
                subscription,
                chain,
            } => self.nodes[node.0].subscribe(version, subscription, chain),
            Action::Unsubscribe { node } => self.nodes[node.0].streams.clear(),
            Action::Report(event) => self.check_report(event),
            Action::Request { node, request } => {
                self.check_request(node, &request);
                self.flights.push(Flight {
                    node,
                    request,
                    answer: None,
                    made: self.events,
                });
            }
        }
    }

    /// No other good node has shown a block in place of the one to be mined.
    fn check_not_passed(&self, job: &Job) {
        let own = self.cuts.get(&job.node).map(Cut::progress);
        for (id, cut) in self.cuts.iter().filter(|(id, _)| **id != job.node) {
            let is_ready = self.coordinator.nodes[id.0].peer.standing == Standing::Ready;
            let is_ahead = own.is_none_or(|own| cut.progress().is_ahead_of(&own));
            let tip = cut.tip(job.chain()).map_or(0, |tip| tip.height);
            assert!(
                !is_ready || !is_ahead || tip < job.work.header().height(),
                "{id:?} has passed {job:?}"
            );
        }
    }

    fn check_request(&mut self, node: NodeId, request: &Request) {
        let same = |flight: &Flight| {
            flight.node == node
                && match (&flight.request, request) {
                    (Request::Identify, Request::Identify)
                    | (Request::Work { .. }, Request::Work { .. })
                    | (Request::Cut { .. }, Request::Cut { .. }) => true,
                    (
                        Request::Ancestors { chain, version, .. },
                        Request::Ancestors {
                            chain: c,
                            version: v,
                            ..
                        },
                    ) => chain == c && version == v,
                    (Request::Submit { job, .. }, Request::Submit { job: j, .. }) => job == j,
                    _ => false,
                }
        };
        assert!(
            !self.flights.iter().any(same),
            "in flight already: {request:?}"
        );
        if let Request::Work { chain, .. } = request {
            match &self.demand {
                Demand::Any => {}
                Demand::Nothing => panic!("work is requested without demand"),
                Demand::Chains { named, .. } => {
                    let hint = chain.expect("a chain is named");
                    assert!(named.contains(&hint), "not wanted: {hint}");
                }
            }
        }
        if let Request::Submit {
            header,
            version,
            job,
            ..
        } = request
        {
            self.submitted_blocks
                .entry(*job)
                .or_insert((node, header.parent(), None));
            assert!(
                self.proof == Proof::None || pow::verify(header, &header.target()),
                "sent without proof of work"
            );
            let is_of_a_job = self.jobs.iter().any(|(job, _)| {
                let work = job.work.header();
                work.differs_only_in_time_and_nonce(header)
                    && (work.creation_time()..=job.creation_time_at(self.now))
                        .contains(&header.creation_time())
            });
            assert!(is_of_a_job, "no solution of any job: {header:?}");
            assert_eq!(
                version.as_str(),
                format!("net-{}", header.version_code()),
                "submitted to another network"
            );
            self.ours
                .insert(header.block_hash().expect("its adjacents are recorded"));
        }
    }

    /// Reports about a block start with its discovery and end with its final place.
    fn check_report(&mut self, event: telemetry::Event) {
        if matches!(
            event,
            telemetry::Event::Node(..) | telemetry::Event::NodeChosen { .. }
        ) {
            self.reports.push((self.now, event));
            return;
        }
        if let telemetry::Event::Block(block, event) = event {
            let events = self.blocks.entry(block.job).or_default();
            assert_eq!(
                events.is_empty(),
                matches!(event, BlockEvent::Found { .. }),
                "{event:?} after {events:?}"
            );
            let is_over = events.last().is_some_and(|last| {
                matches!(
                    last,
                    BlockEvent::Confirmed { .. }
                        | BlockEvent::Orphaned { .. }
                        | BlockEvent::Rejected { .. }
                        | BlockEvent::RejectedWithoutPow
                        | BlockEvent::Stale
                        | BlockEvent::Untracked { .. }
                )
            });
            assert!(!is_over, "{event:?} after {events:?}");
            if let BlockEvent::Displaced { by } | BlockEvent::Orphaned { by, .. } = event {
                assert_ne!(Some(by), block.hash, "in its own place");
            }
            assert_ne!(events.last(), Some(&event), "reported twice");
            events.push(event);
        }
    }

    /// The same work never replaces a live job.
    fn check_replacements(&self, jobs: &Jobs) {
        let live = self.jobs.iter().map(|(job, _)| job);
        for old in live.filter(|job| self.live.contains(&job.id) && !jobs.contains(job.id)) {
            let same = |new: &&Arc<Job>| {
                let (old, new) = (old.work.header(), new.work.header());
                old.differs_only_in_time_and_nonce(new)
            };
            let same = jobs.iter().filter(|new| new.node == old.node).find(same);
            assert!(same.is_none(), "preempted by the same work: {old:?}");
        }
    }

    /// Every refresh has one outcome.
    fn check_refreshes(&self) {
        let tally = self.coordinator.counters().refreshes;
        let known = tally.preempted + tally.identical + tally.skipped + tally.pending;
        assert_eq!(tally.received, known, "{tally:?}");
        assert!(tally.pending <= self.slots as u64, "{tally:?}");
    }

    /// Views go to a worker with a demand only. Those of a cut are complete.
    fn check_view(&self, view: &View) {
        assert_ne!(self.demand, Demand::Any, "shown without demand");
        if let Some(heights) = &view.heights {
            for chain in heights.of.keys() {
                assert!(heights.requested(*chain) <= Some(self.now));
            }
            if let Source::Cut(_) = heights.source {
                assert_eq!(heights.of.len(), view.graph.len());
            }
        }
    }

    /// What holds after every event.
    fn check(&self) {
        self.check_refreshes();
        let jobs = self.coordinator.jobs();
        assert!(jobs.iter().len() <= self.slots);
        let places: BTreeSet<_> = jobs.iter().map(|job| job.chain()).collect();
        assert_eq!(places.len(), jobs.iter().len(), "two jobs on a chain");
        for job in jobs.iter() {
            assert!(self.demand.admits(job.chain()), "not wanted: {job:?}");
            assert!(
                !self.retired.contains(&job.id),
                "back from the dead: {job:?}"
            );
            let (_, asked) = self
                .jobs
                .iter()
                .find(|(known, _)| known.id == job.id)
                .expect("all live jobs are published");
            let place = (job.node, job.chain());
            let moved = self.new_cuts.get(&place);
            let flooded = self.floods.get(&place);
            assert!(
                moved.is_none_or(|moved| moved <= asked) || flooded >= Some(asked),
                "live though its chain has a new tip: {job:?}"
            );
            let parent = job.work.header().parent();
            let is_behind = self.submitted_blocks.values().any(|(_, solved, answered)| {
                *solved == parent && answered.is_none_or(|at| at > *asked)
            });
            assert!(!is_behind, "live though its parent is solved: {job:?}");
        }
        let is_lost = |job: &Arc<Job>| {
            let standing = self.coordinator.nodes[job.node.0].peer.standing;
            standing.loses_blocks()
        };
        assert!(
            jobs.iter().all(is_lost) || !jobs.iter().any(is_lost),
            "a lost node beside a good one: {jobs:?}"
        );
        let wakeup = self.coordinator.next_wakeup();
        assert!(
            wakeup.is_none_or(|at| at > self.now),
            "a wakeup that has passed"
        );
        assert!(
            wakeup.is_some()
                || !self.flights.is_empty()
                || self.coordinator.is_finished()
                || self.demand == Demand::Nothing,
            "waits for nothing"
        );
    }

    /// Lets time pass, with ticks at all wakeups.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut calls = 0;
        while let Some(at) = self.coordinator.next_wakeup().filter(|at| *at <= until) {
            self.now = at;
            self.handle(Event::Tick);
            calls += 1;
            let bound = (50 + 50 * time.as_secs()) * self.nodes.len() as u64;
            assert!(calls < bound, "busy without end");
        }
        self.now = until;
    }

    fn step(&mut self) {
        let node = self.rng.random_range(0..self.nodes.len());
        let chains: Vec<_> = self.nodes[node].chains.keys().copied().collect();
        let chain = *chains.choose(&mut self.rng).expect("there are chains");
        let pause = self.rng.random_range(0..20);
        self.pass(Duration::from_millis(pause));
        match self.rng.random_range(0..1000) {
            0..350 => self.move_flight(),
            350..550 => self.deliver(NodeId(node), chain),
            550..650 => self.solve(),
            650..680 => self.solve_wrongly(),
            680..720 => self.nodes[node].foreign_block(chain),
            720..740 => self.gossip(node, chain),
            740..760 => self.nodes[node].replace_tip(chain),
            760..800 => self.nodes[node].refresh(chain),
            800..880 => self.nodes[node].open_stream(chain),
            880..900 => self.nodes[node].lose_stream(chain, Lost::Ended),
            900..910 => self.nodes[node].lose_stream(chain, Lost::Failed(broken())),
            910..920 => self.restart(NodeId(node), Model::restart),
            920..925 if self.nodes.len() == 1 => self.restart(NodeId(node), Model::change_network),
            925..935 => {
                let is_down = self.nodes[node].is_down;
                self.restart(NodeId(node), Model::restart);
                self.nodes[node].is_down = !is_down;
            }
            935..940 => self.pass(Duration::from_mins(2)),
            940..950 if self.has_demands => self.change_demand(),
            _ => {
                let pause = self.rng.random_range(0..3000);
                self.pass(Duration::from_millis(pause));
            }
        }
    }

    /// A node learns of the longest branch of a chain.
    fn gossip(&mut self, node: usize, chain: ChainId) {
        if self.nodes.len() == 1 {
            return;
        }
        let longest = self.branches.entry(chain).or_default();
        for node in self.nodes.iter().filter(|node| !node.is_frozen) {
            let blocks = &node.chains[&chain].blocks;
            if blocks.len() > longest.len() {
                longest.clone_from(blocks);
            }
        }
        self.nodes[node].follow(chain, longest);
    }

    /// The worker wants something else.
    fn change_demand(&mut self) {
        let wanted = self.nodes[0].chains.keys().copied();
        let wanted: Vec<_> = wanted.filter(|_| self.rng.random_bool(0.5)).collect();
        self.demand = match self.rng.random_range(0..4) {
            0 => Demand::Any,
            1 => Demand::Nothing,
            _ => Demand::chains(wanted),
        };
        self.handle(Event::Demand(self.demand.clone()));
    }

    /// Whether the node does not answer a request.
    fn is_held(&self, flight: &Flight) -> bool {
        let node = &self.nodes[flight.node.0];
        node.hangs || node.holds_work && matches!(flight.request, Request::Work { .. })
    }

    /// A request reaches its node, or an answer the coordinator.
    fn move_flight(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.flights.len());
        if self.flights[at].answer.is_some() {
            self.land(at);
        } else {
            self.act(at);
        }
    }

    /// A node acts on a request.
    fn act(&mut self, at: usize) {
        let flight = &mut self.flights[at];
        let node = &mut self.nodes[flight.node.0];
        let answer = node.answer(self.now, &mut self.rng, &flight.request);
        self.flights[at].answer = Some(answer);
    }

    fn land(&mut self, at: usize) {
        let flight = self.flights.remove(at);
        self.landing = flight.made;
        self.handle(flight.answer.expect("it was answered"));
    }

    /// Restarts a node. Its earlier answers arrive first; open requests get none.
    fn restart(&mut self, id: NodeId, how: fn(&mut Model)) {
        while let Some(at) = self
            .flights
            .iter()
            .position(|flight| flight.node == id && flight.answer.is_some())
        {
            self.land(at);
        }
        let node = &mut self.nodes[id.0];
        let is_asked = self.flights.iter().any(|flight| flight.node == id);
        if !is_asked && node.streams.values().all(|stream| !stream.is_open) {
            // Undetectable.
            return;
        }
        // One broken connection is enough of a sign.
        node.dies_silently = is_asked && self.rng.random_bool(0.3);
        how(node);
        let was_down = std::mem::replace(&mut node.is_down, true);
        for at in 0..self.flights.len() {
            if self.flights[at].node == id {
                self.act(at);
            }
        }
        self.nodes[id.0].is_down = was_down;
        self.deliver_all(id);
    }

    /// The next event of a stream arrives.
    fn deliver(&mut self, node: NodeId, chain: ChainId) {
        let Some(stream) = self.nodes[node.0].streams.get_mut(&chain) else {
            return;
        };
        let subscription = stream.subscription;
        if let Some(update) = stream.queue.pop_front() {
            self.handle(Event::Update {
                node,
                subscription,
                chain,
                update,
            });
        }
    }

    /// All events in the streams of a node arrive.
    fn deliver_all(&mut self, node: NodeId) {
        let pending = |model: &Model| {
            let mut streams = model.streams.iter();
            let (chain, _) = streams.find(|(_, stream)| !stream.queue.is_empty())?;
            Some(*chain)
        };
        while let Some(chain) = pending(&self.nodes[node.0]) {
            self.deliver(node, chain);
        }
    }

    fn solution(&mut self) -> Option<Solution> {
        // Mostly a live one, sometimes any.
        let live: Vec<_> = self.coordinator.jobs().iter().cloned().collect();
        let any = self.jobs.iter().map(|(job, _)| Arc::clone(job));
        let pool = if self.rng.random_bool(0.8) {
            live
        } else {
            any.collect()
        };
        let job = pool.choose(&mut self.rng)?;
        Some(Solution {
            job: Arc::clone(job),
            nonce: Nonce::new(self.rng.random_range(0..1000)),
            creation_time: job.creation_time_at(self.now),
            found_by: None,
        })
    }

    fn solve(&mut self) {
        if let Some(mut solution) = self.solution() {
            if self.proof == Proof::None {
                self.handle(Event::Solved(Solution::unsolved(solution.job)));
                return;
            }
            while !pow::verify(&solution.header(), &solution.job.work.target()) {
                solution.nonce = Nonce::new(solution.nonce.get() + 1);
            }
            self.handle(Event::Solved(solution));
        }
    }

    fn solve_wrongly(&mut self) {
        if let Some(mut solution) = self.solution() {
            let is_unsolved = !pow::verify(&solution.header(), &solution.job.work.target());
            if !is_unsolved || self.proof == Proof::None {
                let micros = solution.creation_time.as_micros() + 1;
                solution.creation_time = CreationTime::from_micros(micros);
            }
            let before = self.coordinator.counters();
            self.handle(Event::Solved(solution));
            let after = self.coordinator.counters();
            assert_eq!(after.solutions_rejected, before.solutions_rejected + 1);
            assert_eq!(after.solutions, before.solutions);
        }
    }

    /// Answers everything at once for this long.
    fn calm(&mut self, time: Duration) {
        let until = self.now + time;
        let events = self.events;
        loop {
            while let Some(at) = self.flights.iter().position(|it| !self.is_held(it)) {
                if self.flights[at].answer.is_none() {
                    self.act(at);
                }
                self.land(at);
            }
            for node in 0..self.nodes.len() {
                let chains: Vec<_> = self.nodes[node].chains.keys().copied().collect();
                for chain in chains {
                    self.gossip(node, chain);
                    if !self.nodes[node].hangs {
                        self.nodes[node].open_stream(chain);
                    }
                }
                self.deliver_all(NodeId(node));
            }
            assert!(
                self.events - events < (500 + 40 * time.as_secs()) * self.nodes.len() as u64,
                "busy without end"
            );
            if self.flights.iter().all(|it| self.is_held(it)) {
                match self.coordinator.next_wakeup().filter(|at| *at <= until) {
                    Some(at) => {
                        self.now = at;
                        self.handle(Event::Tick);
                    }
                    None => break,
                }
            }
        }
        self.now = until;
    }

    fn heal(&mut self) {
        for node in &mut self.nodes {
            (node.is_down, node.faults, node.checks_proof) = (false, 0, false);
        }
        if self.has_demands {
            self.heal_with_demand();
        }
        self.calm(HEALING);
        let jobs: Vec<_> = self.coordinator.jobs().iter().cloned().collect();
        let chains = self.nodes[0].chains.len();
        assert!(jobs.len() >= self.slots.min(chains), "idle slots: {jobs:?}");
        for job in jobs {
            assert!(
                self.nodes[job.node.0].would_take(self.now, &job.work),
                "dead work: {job:?}"
            );
        }
        assert!(
            self.coordinator.submissions.open.is_empty(),
            "a solution waits for ever"
        );
        if self.nodes.len() > 1 {
            self.check_choice();
        }
        self.check_payloads();
        for node in &self.nodes {
            let mut streams = node.streams.values();
            assert!(
                streams.all(|stream| stream.is_open && !stream.is_dead),
                "a dead stream"
            );
        }
    }

    /// All nodes are ready, and the jobs in hand are of more than one.
    fn check_choice(&self) {
        let nodes = &self.coordinator.nodes;
        for node in nodes {
            assert_eq!(node.peer.standing, Standing::Ready, "{:?}", node.peer);
        }
        let jobs = self.coordinator.live.jobs.iter();
        let of: BTreeSet<_> = jobs.map(|live| live.job.node).collect();
        assert!(
            of.len() > 1,
            "jobs of one node: {:?}",
            self.coordinator.live
        );
    }

    /// Each policy fetches every refreshed payload in the end, and no more.
    fn check_payloads(&mut self) {
        // The second time while the answers to the first are in flight.
        for _ in 0..2 {
            for node in 0..self.nodes.len() {
                let chains: Vec<_> = self.nodes[node].chains.keys().copied().collect();
                for chain in chains {
                    self.nodes[node].refresh(chain);
                }
                self.deliver_all(NodeId(node));
            }
            for at in 0..self.flights.len() {
                if self.flights[at].answer.is_none() {
                    self.act(at);
                }
            }
        }
        self.calm(HEALING);
        for job in self.coordinator.jobs().iter() {
            let payload = self.nodes[job.node.0].chains[&job.chain()].payload;
            assert_eq!(
                job.work.header().payload_hash(),
                payload,
                "an old payload: {job:?}"
            );
        }
        let pending = self.coordinator.counters().refreshes.pending;
        assert_eq!(pending, 0, "a refresh waits for ever");
    }

    /// A worker with a demand for one chain gets work there.
    fn heal_with_demand(&mut self) {
        let chains: Vec<_> = self.nodes[0].chains.keys().copied().collect();
        let chain = *chains.choose(&mut self.rng).expect("there are chains");
        self.demand = Demand::chains([chain]);
        self.handle(Event::Demand(self.demand.clone()));
        // Until then only: with a demand, the cut is fetched ten times a second.
        let until = self.now + HEALING;
        loop {
            self.calm(Duration::from_secs(3));
            // Two nodes may have issued work on it.
            let jobs = self.coordinator.jobs().iter();
            let held: BTreeSet<_> = jobs.map(|job| job.chain()).collect();
            if held == [chain].into() {
                break;
            }
            assert!(self.now < until, "no work on {chain}: {held:?}");
        }
        self.demand = Demand::Any;
        self.handle(Event::Demand(Demand::Any));
    }

    /// The place of every submitted block is known in the end.
    fn look_up_blocks(&mut self) {
        let node = &mut self.nodes[0];
        for chain in node.chains.keys().copied().collect::<Vec<_>>() {
            for _ in 0..7 {
                node.foreign_block(chain);
            }
        }
        self.calm(SETTLING);
        if self.nodes.iter().all(|node| node.networks == 0) {
            let tally = self.coordinator.counters().blocks;
            let in_cut = self.nodes[0].count(&self.ours);
            assert_eq!(usize::try_from(tally.accepted), Ok(in_cut));
            assert_eq!(tally.pending, 0);
        }
    }

    /// With nodes in order, everything is done within the grace.
    fn shut_down(&mut self) {
        for _ in 0..3 {
            self.solve();
        }
        self.handle(Event::Stop);
        self.calm(Timing::default().grace);
        assert!(self.coordinator.is_finished());
        assert_eq!(self.coordinator.jobs().iter().len(), 0);
    }
}
