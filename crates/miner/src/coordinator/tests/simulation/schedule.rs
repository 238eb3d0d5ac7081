//! What happens next: the steps of a run, and how a seed becomes a list of them.
//!
//! The number of a step seeds all choices in it, so a step means the same wherever it stands in a
//! schedule, as far as there is something to choose from.

use std::sync::Arc;
use std::time::Duration;

use chainweb::{ChainId, CreationTime, Nonce};
use node::Lost;
use rand::rngs::Xoshiro256PlusPlus as Chance;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

use super::super::super::{Config, Event, Preemption};
use super::super::pieces::{broken, busy, not_served, unauthorized};
use super::World;
use super::model::Model;
use crate::demand::Demand;
use crate::job::{Job, NodeId, Proof, Solution};
use crate::timing::Timing;

/// What a run starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub(super) struct Setup {
    /// Seeds the choices at the start.
    pub(super) choice: u64,
    pub(super) nodes: usize,
    pub(super) submit_only: usize,
    pub(super) chains: u32,
    pub(super) slots: usize,
    pub(super) policy: Policy,
    /// The time of the policy in milliseconds.
    pub(super) policy_ms: u64,
    pub(super) worker: Worker,
    pub(super) is_proven: bool,
    /// The percentage of requests that meet a fault.
    pub(super) faults: u32,
    pub(super) is_evm: bool,
    pub(super) shares_payloads: bool,
    /// The difficulty of shares: 0 of blocks, 1 and 2 fixed, 3 variable.
    pub(super) difficulty: u8,
    /// Whether there is a disk.
    pub(super) is_remembered: bool,
}

/// The kinds of [`Preemption`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Immediate,
    BatchComplete,
    Delayed,
    Conditional,
}

/// Who solves jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// One that solves any job at any time.
    Any,
    /// The same, which wants work on certain chains at times.
    Demanding,
    /// Devices with Stratum sessions.
    Devices,
}

/// The kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A request reaches its node, or an answer the coordinator.
    Move,
    /// An event of a stream arrives.
    Deliver,
    Solve,
    SolveWrongly,
    Block,
    Gossip,
    ReplaceTip,
    Refresh,
    OpenStream,
    EndStream,
    BreakStream,
    Restart,
    ChangeNetwork,
    /// A node goes down, or comes back.
    Toggle,
    LongPause,
    Demand,
    /// A node fails in a way of its own, or recovers.
    Fail,
    Flap,
    Pause,
    /// Everything is answered for a second.
    Calm,
    /// A device connects, or logs in, leaves, sends a share or something else.
    Connect,
    LogIn,
    Leave,
    Share,
    Nonsense,
    /// Some records reach the disk; it becomes slow, fails or recovers.
    Write,
    Disk,
    /// The program is killed and starts again.
    CutOff,
}

/// A step, and the seed of its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(pub(super) Act, pub(super) u32);

/// What follows on the time without faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The run ends without it.
    Nothing,
    ShutDown,
    LookUpBlocks,
    FailOver,
    LoseAnIssuer,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) setup: Setup,
    pub(super) steps: Vec<Step>,
    pub(super) ending: (Ending, u32),
}

/// The steps of all runs, with their weights; then those for devices and for a disk.
const STEPS: [(Act, u32); 18] = [
    (Act::Move, 350),
    (Act::Deliver, 200),
    (Act::Solve, 100),
    (Act::SolveWrongly, 30),
    (Act::Block, 40),
    (Act::Gossip, 20),
    (Act::ReplaceTip, 20),
    (Act::Refresh, 40),
    (Act::OpenStream, 80),
    (Act::EndStream, 20),
    (Act::BreakStream, 10),
    (Act::Restart, 10),
    (Act::ChangeNetwork, 5),
    (Act::Toggle, 10),
    (Act::LongPause, 5),
    (Act::Pause, 40),
    (Act::Fail, 20),
    (Act::Flap, 5),
];
const OF_DEVICES: [(Act, u32); 5] = [
    (Act::Connect, 30),
    (Act::LogIn, 80),
    (Act::Leave, 10),
    (Act::Share, 250),
    (Act::Nonsense, 20),
];
const OF_MEMORY: [(Act, u32); 3] = [(Act::Write, 60), (Act::Disk, 10), (Act::CutOff, 6)];

/// The steps that are an event of a node.
const OF_NODES: [Act; 11] = [
    Act::Block,
    Act::Gossip,
    Act::ReplaceTip,
    Act::Refresh,
    Act::OpenStream,
    Act::EndStream,
    Act::BreakStream,
    Act::Restart,
    Act::ChangeNetwork,
    Act::Toggle,
    Act::Fail,
];

impl Setup {
    fn draw(rng: &mut Chance) -> Self {
        let mut one_of = |choices: &[u32]| *choices.choose(rng).expect("not empty");
        let nodes = one_of(&[1, 1, 2, 2, 3, 5]) as usize;
        let chains = one_of(&[1, 2, 2, 3, 10, 10, 20]);
        let faults = one_of(&[0, 5, 30]);
        let policies = [
            Policy::Immediate,
            Policy::BatchComplete,
            Policy::Delayed,
            Policy::Conditional,
        ];
        let workers = [Worker::Any, Worker::Demanding, Worker::Devices];
        let worker = *workers.choose(rng).expect("not empty");
        Self {
            choice: rng.random(),
            nodes,
            submit_only: usize::from(nodes > 1 && rng.random_bool(0.2)),
            chains,
            slots: rng.random_range(1..=3),
            policy: *policies.choose(rng).expect("not empty"),
            policy_ms: rng.random_range(1..20_000),
            worker,
            is_proven: worker == Worker::Devices || rng.random_bool(0.6),
            faults,
            // Headers of other degrees have no form with hashed adjacents here.
            is_evm: chains >= 10 && rng.random_bool(0.3),
            shares_payloads: rng.random_bool(0.5),
            difficulty: rng.random_range(0..4),
            is_remembered: rng.random_bool(0.5),
        }
    }

    /// Returns the configuration of the coordinator.
    pub(super) fn config(&self) -> Config {
        let time = Duration::from_millis(self.policy_ms);
        Config {
            nodes: self.nodes,
            submit_only: self.submit_only,
            work_slots: self.slots,
            preemption: match self.policy {
                Policy::Immediate => Preemption::Immediate,
                Policy::BatchComplete => Preemption::BatchComplete { batch: time },
                Policy::Delayed => Preemption::Delayed(time),
                Policy::Conditional => Preemption::Conditional { min_interval: time },
            },
            confirmations: 6,
            proof: if self.is_proven {
                Proof::Verified
            } else {
                Proof::None
            },
            timing: Timing {
                // Blocks are looked up as often as young ones.
                block_lookup_max: Timing::default().block_lookup_interval,
                ..Timing::default()
            },
        }
    }
}

impl Schedule {
    /// Returns the run of a seed.
    pub(super) fn of_seed(seed: u64) -> Self {
        let rng = &mut Chance::seed_from_u64(seed);
        let setup = Setup::draw(rng);
        let mut weights = STEPS.to_vec();
        if setup.worker == Worker::Devices {
            weights.extend(OF_DEVICES);
        }
        if setup.worker == Worker::Demanding {
            weights.push((Act::Demand, 10));
        }
        if setup.is_remembered {
            weights.extend(OF_MEMORY);
        }
        let is_left_out = |act: &Act| match act {
            Act::ChangeNetwork => setup.nodes > 1,
            Act::Fail | Act::Flap => setup.nodes == 1,
            Act::Solve => setup.worker == Worker::Devices,
            _ => false,
        };
        weights.retain(|(act, _)| !is_left_out(act));
        let all = weights.iter().map(|(_, weight)| weight).sum();
        let steps = (0..rng.random_range(100..1200)).map(|_| {
            let mut at: u32 = rng.random_range(0..all);
            let chosen = weights.iter().find(|(_, weight)| {
                let is_it = at < *weight;
                at = at.saturating_sub(*weight);
                is_it
            });
            Step(chosen.expect("less than all").0, rng.next_u32())
        });
        let steps = steps.collect();
        let endings = [
            Ending::ShutDown,
            Ending::LookUpBlocks,
            Ending::FailOver,
            Ending::LoseAnIssuer,
        ];
        let ending = match *endings.choose(rng).expect("not empty") {
            Ending::FailOver | Ending::LoseAnIssuer if setup.nodes == 1 => Ending::LookUpBlocks,
            ending => ending,
        };
        Self {
            setup,
            steps,
            ending: (ending, rng.next_u32()),
        }
    }
}

impl World {
    pub(super) fn step(&mut self, Step(act, choice): Step) {
        self.rng = Chance::seed_from_u64(choice.into());
        self.trace.put(u64::from(choice) << 8 ^ act as u64);
        let node = self.rng.random_range(0..self.nodes.len());
        let chain = ChainId::new(self.rng.random_range(0..self.chains()));
        let pause = self.rng.random_range(0..20);
        self.pass(Duration::from_millis(pause));
        let id = NodeId(node);
        if OF_NODES.contains(&act) {
            self.other_events += 1;
        }
        match act {
            Act::Move => self.move_flight(),
            Act::Deliver => self.deliver(id, chain),
            Act::Solve => self.solve(),
            Act::SolveWrongly => self.solve_wrongly(),
            Act::Block => self.nodes[node].foreign_block(chain),
            Act::Gossip => self.gossip(node, chain),
            Act::ReplaceTip => self.nodes[node].replace_tip(chain),
            Act::Refresh => self.nodes[node].refresh(chain),
            Act::OpenStream => self.nodes[node].open_stream(chain),
            Act::EndStream => self.nodes[node].lose_stream(chain, Lost::Ended),
            Act::BreakStream => self.nodes[node].lose_stream(chain, Lost::Failed(broken())),
            Act::Restart => self.restart(id, Model::restart),
            Act::ChangeNetwork => self.restart(id, Model::change_network),
            Act::Toggle => {
                let is_down = self.nodes[node].is_down;
                self.restart(id, Model::restart);
                self.nodes[node].is_down = !is_down;
            }
            Act::LongPause => self.pass(Duration::from_mins(2)),
            Act::Demand => self.change_demand(),
            Act::Fail => self.fail(id),
            Act::Flap => self.flap(id),
            Act::Pause => {
                let pause = self.rng.random_range(0..3000);
                self.pass(Duration::from_millis(pause));
            }
            Act::Calm => self.calm(Duration::from_secs(1)),
            Act::Connect => self.connect_device(),
            Act::LogIn => self.log_in_device(),
            Act::Leave => self.disconnect_device(),
            Act::Share => self.send_share(),
            Act::Nonsense => self.send_nonsense(),
            Act::Write => self.write_some(),
            Act::Disk => self.change_disk(),
            Act::CutOff => self.cut_off(),
        }
    }

    /// The time without faults, and what follows on it.
    pub(super) fn end(&mut self, (ending, choice): (Ending, u32)) {
        self.rng = Chance::seed_from_u64(choice.into());
        if ending == Ending::Nothing {
            return;
        }
        self.heal();
        match ending {
            Ending::ShutDown => self.shut_down(),
            Ending::FailOver if self.nodes.len() > 1 => self.fail_over(),
            Ending::LoseAnIssuer if self.nodes.len() > 1 => self.lose_an_issuer(),
            _ => self.look_up_blocks(),
        }
    }

    /// A node fails in a way of its own, or recovers.
    pub(super) fn fail(&mut self, id: NodeId) {
        let refusals = [busy(), unauthorized(), not_served()];
        let refusal = refusals.choose(&mut self.rng).cloned();
        let slowness = Duration::from_millis(self.rng.random_range(10..5000));
        let node = &mut self.nodes[id.0];
        match self.rng.random_range(0..12) {
            0 => node.hangs = true,
            1 => (node.is_frozen, node.was_apart) = (true, true),
            2 => node.refuses_work = refusal,
            3 => node.refuses_cut = refusal,
            4 => node.holds_work = true,
            5 => node.slowness = slowness,
            6 => self.kill(id),
            7 => self.restart(id, Model::change_network),
            8 => self.fork_by_chance(id),
            _ => self.mend(id),
        }
    }

    pub(super) fn kill(&mut self, id: NodeId) {
        self.restart(id, Model::restart);
        self.nodes[id.0].is_down = true;
    }

    /// A node has blocks of its own from now on, for a while perhaps with less work in each.
    fn fork_by_chance(&mut self, id: NodeId) {
        let (lost, own) = (self.rng.random_range(0..10), self.rng.random_range(1..12));
        let node = &mut self.nodes[id.0];
        (node.is_frozen, node.was_apart) = (true, true);
        node.block_weight = *[1, 10].choose(&mut self.rng).expect("not empty");
        let chains: Vec<_> = node.chains.keys().copied().collect();
        for chain in &chains {
            node.fork(*chain, lost, 0);
        }
        node.raise(&chains, own);
    }

    /// A node fails and recovers several times.
    fn flap(&mut self, id: NodeId) {
        for _ in 0..self.rng.random_range(2..6) {
            self.kill(id);
            let pause = self.rng.random_range(0..4000);
            self.pass(Duration::from_millis(pause));
            for _ in 0..5 {
                self.move_flight();
            }
            self.nodes[id.0].is_down = false;
        }
    }

    /// The worker wants something else.
    pub(super) fn change_demand(&mut self) {
        let chains = (0..self.chains()).map(ChainId::new);
        let wanted: Vec<_> = chains.filter(|_| self.rng.random_bool(0.5)).collect();
        self.demand = match self.rng.random_range(0..4) {
            0 => Demand::Any,
            1 => Demand::Nothing,
            _ => Demand::chains(wanted),
        };
        self.handle(Event::Demand(self.demand.clone()));
    }

    /// A request reaches its node, or an answer the coordinator.
    fn move_flight(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.flights.len());
        if self.is_held(&self.flights[at]) {
            return;
        }
        if self.flights[at].answer.is_some() {
            self.land(at);
        } else {
            self.act(at);
        }
    }

    pub(super) fn solution(&mut self) -> Option<Solution> {
        // Mostly a live one, sometimes any.
        let job = if self.rng.random_bool(0.8) {
            let live: Vec<_> = self.coordinator.jobs().iter().collect();
            Arc::clone(live.choose(&mut self.rng)?)
        } else {
            Arc::clone(self.jobs.choose(&mut self.rng)?)
        };
        Some(self.solution_of(job))
    }

    /// Returns a header that is solved by half of all nonces.
    pub(super) fn solution_of(&mut self, job: Arc<Job>) -> Solution {
        Solution {
            nonce: Nonce::new(self.rng.random_range(0..1000)),
            creation_time: job.creation_time_at(self.now),
            found_by: None,
            job,
        }
    }

    pub(super) fn solve(&mut self) {
        if let Some(solution) = self.solution() {
            self.submit(solution);
        }
    }

    /// The worker finds a nonce.
    pub(super) fn submit(&mut self, mut solution: Solution) {
        if self.config.proof == Proof::None {
            self.handle(Event::Solved(Solution::unsolved(solution.job)));
            return;
        }
        while !pow::verify(&solution.header(), &solution.job.work.target()) {
            solution.nonce = Nonce::new(solution.nonce.get() + 1);
        }
        self.handle(Event::Solved(solution));
    }

    pub(super) fn solve_wrongly(&mut self) {
        if let Some(mut solution) = self.solution() {
            let is_unsolved = !pow::verify(&solution.header(), &solution.job.work.target());
            if !is_unsolved || self.config.proof == Proof::None {
                let micros = solution.creation_time.as_micros() + 1;
                solution.creation_time = CreationTime::from_micros(micros);
            }
            let before = self.coordinator.counters();
            self.handle(Event::Solved(solution));
            self.wrong_solutions_are_rejected(&before);
        }
    }
}
