//! A time without faults, in which everything has to recover, and failures of single nodes after
//! it, which may cost no work and no block.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chainweb::ChainId;
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::super::super::{Event, Request};
use super::super::pieces::{busy, not_served, unauthorized};
use super::World;
use super::answers::block_hash;
use crate::demand::Demand;
use crate::job::NodeId;
use crate::telemetry::Standing;
use crate::timing::Timing;

/// Longer than the time after which all work is fetched again, by enough for the node to choose its
/// last free chain by chance, once a second.
const HEALING: Duration = Duration::from_mins(3);
/// The time after which most failures show that had no effect before.
const LASTING: Duration = Duration::from_secs(10);
/// The time for two lookups of a block.
const SETTLING: Duration = Duration::from_secs(25);

impl World {
    /// All nodes are in order, and of one network.
    pub(super) fn heal(&mut self) {
        let network = self.nodes.iter().map(|node| node.networks).min();
        for id in (0..self.nodes.len()).map(NodeId) {
            if Some(self.nodes[id.0].networks) != network {
                let network = network.expect("there are nodes");
                self.restart(id, |node| node.serve(network));
                self.nodes[id.0].serve(network);
            }
            self.mend(id);
            let node = &mut self.nodes[id.0];
            (node.faults, node.checks_proof) = (0, false);
        }
        self.heal_disk();
        self.heal_devices();
        if self.has_demands {
            self.heal_with_demand();
        } else if self.demand != Demand::Any {
            self.demand = Demand::Any;
            self.handle(Event::Demand(Demand::Any));
        }
        self.settle(HEALING, Self::ailment);
        self.calm(LASTING);
        self.settle(HEALING, Self::ailment);
        self.check_payloads();
    }

    /// A node is in order again.
    pub(super) fn mend(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        (node.is_down, node.hangs, node.holds_work) = (false, false, false);
        (node.refuses_work, node.refuses_cut) = (None, None);
        (node.slowness, node.block_weight) = (Duration::ZERO, 10);
        if node.is_frozen {
            let network = node.networks;
            let chains: Vec<_> = (0..self.chains()).map(ChainId::new).collect();
            for chain in &chains {
                self.learn(network, *chain);
            }
            let branches = chains
                .iter()
                .map(|chain| &self.branches[&(network, *chain)]);
            let node = &mut self.nodes[id.0];
            node.is_frozen = false;
            // Of all chains or none: the blocks of adjacent chains refer to each other.
            if branches.clone().all(|blocks| !blocks.is_empty()) {
                for (chain, blocks) in chains.iter().zip(branches) {
                    node.join(*chain, blocks);
                }
            }
        }
    }

    /// Answers everything at once until nothing is wrong, for this long at most.
    fn settle(&mut self, time: Duration, what_is_wrong: impl Fn(&mut Self) -> Option<String>) {
        let until = self.now + time;
        self.calm(Duration::ZERO);
        while let Some(wrong) = what_is_wrong(self) {
            assert!(self.now < until, "{wrong}");
            self.calm(Duration::from_secs(1));
        }
    }

    /// Returns what has not recovered yet.
    fn ailment(&mut self) -> Option<String> {
        if let Some(idle) = self.idleness() {
            return Some(idle);
        }
        if !self.coordinator.submissions.open.is_empty() {
            return Some("a solution waits for ever".into());
        }
        let mut streams = self.nodes.iter().flat_map(|node| node.streams.values());
        if !streams.all(|stream| stream.is_open && !stream.is_dead) {
            return Some("a dead stream".into());
        }
        if self.nodes.len() == 1 {
            return None;
        }
        for node in &self.coordinator.nodes {
            if node.peer.standing != Standing::Ready || node.peer.cut.is_none() {
                return Some(format!("not ready, or without a cut: {:?}", node.peer));
            }
        }
        let jobs = self.coordinator.live.jobs.iter();
        let of: BTreeSet<_> = jobs.map(|live| live.job.node).collect();
        let issuers = self.coordinator.issuers().count();
        // With slots for more chains than can grow, one node may hold all that there are.
        let serving = self.coordinator.upstreams.serving;
        let chains = self.nodes[serving.0].extendable().count();
        (of.len() < issuers.min(2) && chains >= self.config.work_slots)
            .then(|| format!("jobs of one node: {:?}", self.coordinator.live))
    }

    /// Returns which slot is idle, or solves work of no use.
    fn idleness(&mut self) -> Option<String> {
        let jobs: Vec<_> = self.coordinator.jobs().iter().cloned().collect();
        let serving = self.coordinator.upstreams.serving;
        let chains = self.nodes[serving.0].extendable().count();
        if jobs.len() < self.config.work_slots.min(chains) {
            return Some(format!("idle slots: {jobs:?}"));
        }
        let mut jobs = jobs.iter();
        let dead = jobs.find(|job| !self.nodes[job.node.0].would_take(self.now, &job.work));
        dead.map(|job| format!("dead work: {job:?}"))
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
        self.settle(HEALING, |world| {
            for job in world.coordinator.jobs().iter() {
                let payload = world.nodes[job.node.0].chains[&job.chain()].payload;
                if job.work.header().payload_hash() != payload {
                    return Some(format!("an old payload: {job:?}"));
                }
            }
            let pending = world.coordinator.counters().refreshes.pending;
            (pending > 0).then(|| "a refresh waits for ever".into())
        });
    }

    /// A worker with a demand for one chain gets work there.
    fn heal_with_demand(&mut self) {
        // The nodes learn of each other's blocks first.
        self.calm(Duration::ZERO);
        let chains: Vec<_> = self.nodes[0].extendable().collect();
        let chain = *chains.choose(&mut self.rng).expect("there are chains");
        self.demand = Demand::chains([chain]);
        self.handle(Event::Demand(self.demand.clone()));
        // Until then only: with a demand, the cut is fetched ten times a second.
        self.settle(HEALING, |world| {
            // Two nodes may have issued work on it.
            let jobs = world.coordinator.jobs().iter();
            let held: BTreeSet<_> = jobs.map(|job| job.chain()).collect();
            // A block of ours may have made it higher than an adjacent one.
            let is_missing = held != [chain].into() && world.nodes[0].is_extendable(chain);
            is_missing.then(|| format!("no work on {chain}: {held:?}"))
        });
        self.demand = Demand::Any;
        self.handle(Event::Demand(Demand::Any));
    }

    /// The place of every submitted block is known in the end.
    pub(super) fn look_up_blocks(&mut self) {
        let node = &mut self.nodes[0];
        let chains: Vec<_> = node.chains.keys().copied().collect();
        node.raise(&chains, 7);
        self.calm(SETTLING);
        self.flush();
        let is_apart = self.nodes.iter().any(|node| node.was_apart);
        let was_cut_off = self.memory.as_ref().map(|memory| memory.was_cut_off);
        if !is_apart && was_cut_off != Some(true) {
            let tally = self.coordinator.counters().blocks;
            let in_cut = self.nodes[0].count(&self.ours);
            assert_eq!(usize::try_from(tally.accepted), Ok(in_cut));
            assert_eq!(tally.pending, 0);
        }
        if was_cut_off.is_some() {
            self.rows_are_true(is_apart && self.nodes.len() > 1);
        }
    }

    /// With nodes in order, everything is done within the grace.
    pub(super) fn shut_down(&mut self) {
        for _ in 0..3 {
            self.solve();
        }
        self.handle(Event::Stop);
        self.calm(Timing::default().grace);
        assert!(self.coordinator.is_finished());
        assert_eq!(self.coordinator.jobs().iter().len(), 0);
    }

    /// The serving node fails: another one serves soon, and all slots have work of use.
    pub(super) fn fail_over(&mut self) {
        let id = self.coordinator.upstreams.serving;
        if self.coordinator.issuers().count() < 2 {
            return;
        }
        let refusals = [busy(), unauthorized(), not_served()];
        let refusal = refusals.choose(&mut self.rng).cloned();
        let node = &mut self.nodes[id.0];
        match self.rng.random_range(0..6) {
            0 => node.hangs = true,
            1 => node.is_frozen = true,
            // A node that does not insure may not be asked for work.
            2 if !node.is_evm => node.refuses_work = refusal,
            3 if !node.is_evm => node.holds_work = true,
            4 => node.slowness = Duration::from_secs(3),
            _ => self.kill(id),
        }
        // Until a block is found on the chain of each job.
        self.blocks(15 + 2 * u64::from(self.chains()));
        assert_ne!(self.coordinator.upstreams.serving, id, "it still serves");
        assert!(
            self.coordinator.jobs().iter().len() > 0,
            "no standby job took over"
        );
        // The node chooses the chain by chance, once a second.
        self.settle(HEALING, Self::idleness);
    }

    /// A node dies between a solution and its answer: another one with an equal payload has the
    /// block.
    pub(super) fn lose_an_issuer(&mut self) {
        for chain in self.nodes[0].chains.keys().copied().collect::<Vec<_>>() {
            self.nodes[0].foreign_block(chain);
        }
        if !self.nodes[0].shares_payloads {
            return self.fail_over();
        }
        self.calm(Duration::from_secs(1));
        // A node may issue work on other chains than it is asked for, and is asked a few times.
        let chains = self.nodes[0].chains.len() as u64;
        let is_any = |world: &Self| {
            world
                .coordinator
                .insured()
                .values()
                .any(|it| !it.is_empty())
        };
        for round in 0.. {
            if is_any(self) {
                break;
            }
            assert!(round < 20, "no job is insured");
            self.blocks(chains);
        }
        let insured = self.coordinator.insured();
        let jobs = self.coordinator.jobs().iter();
        let jobs: Vec<_> = jobs.filter(|job| !insured[&job.id].is_empty()).collect();
        let job = Arc::clone(jobs.choose(&mut self.rng).expect("one is insured"));
        let id = job.node;
        let solution = self.solution_of(job);
        self.submit(solution);
        let at = self.submission_to(id.0);
        let Request::Submit { header, .. } = &self.flights[at].request else {
            unreachable!("it is a submission");
        };
        let block = block_hash(header);
        if self.rng.random_bool(0.5) {
            // It takes the block and passes it on to no other.
            self.nodes[id.0].slowness = Duration::from_secs(1);
            self.act(at);
        }
        self.nodes[id.0].is_frozen = true;
        if self.rng.random_bool(0.5) {
            self.nodes[id.0].hangs = true;
        } else {
            self.kill(id);
        }
        let others = self.nodes.iter_mut().filter(|node| node.id != id);
        let faults = *[0, 50].choose(&mut self.rng).expect("not empty");
        others.for_each(|node| node.faults = faults);
        self.calm(Duration::from_secs(1));
        self.nodes.iter_mut().for_each(|node| node.faults = 0);
        self.calm(Duration::from_secs(5));
        let mut others = self.nodes.iter().filter(|node| node.id != id);
        assert!(
            others.any(|node| node.count(&[block].into()) == 1),
            "the block is lost"
        );
    }
}
