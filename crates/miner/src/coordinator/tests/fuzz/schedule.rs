//! What happens next, by chance.

use std::sync::Arc;
use std::time::Duration;

use chainweb::{CreationTime, Nonce};
use node::Lost;
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::super::super::Event;
use super::super::pieces::{broken, busy, not_served, unauthorized};
use super::World;
use super::model::Model;
use crate::demand::Demand;
use crate::job::{Job, NodeId, Proof, Solution};

impl World {
    pub(super) fn step(&mut self) {
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
            950..970 if self.nodes.len() > 1 => self.fail(NodeId(node)),
            970..975 if self.nodes.len() > 1 => self.flap(NodeId(node)),
            _ => {
                let pause = self.rng.random_range(0..3000);
                self.pass(Duration::from_millis(pause));
            }
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
        for chain in node.chains.keys().copied().collect::<Vec<_>>() {
            node.fork(chain, lost, own);
        }
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
        let wanted = self.nodes[0].chains.keys().copied();
        let wanted: Vec<_> = wanted.filter(|_| self.rng.random_bool(0.5)).collect();
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
        let live: Vec<_> = self.coordinator.jobs().iter().cloned().collect();
        let any = self.jobs.iter().map(|(job, _)| Arc::clone(job));
        let pool = if self.rng.random_bool(0.8) {
            live
        } else {
            any.collect()
        };
        let job = Arc::clone(pool.choose(&mut self.rng)?);
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
        if self.proof == Proof::None {
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
}
