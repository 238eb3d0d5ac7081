//! Of jobs, and of what the worker gets.

use std::sync::Arc;

use super::super::World;
use crate::demand::{Demand, Source, View};
use crate::job::{Job, Jobs};
use crate::telemetry::Counters;

impl World {
    /// There are no more live jobs than slots.
    pub(super) fn slots_are_enough_for_the_jobs(&self) {
        assert!(self.coordinator.jobs().iter().len() <= self.config.work_slots);
    }

    /// At most one live job is on each chain.
    pub(super) fn no_two_jobs_are_on_a_chain(&self) {
        let jobs = self.coordinator.jobs();
        for (place, job) in jobs.iter().enumerate() {
            let mut others = jobs.iter().skip(place + 1);
            let is_shared = others.any(|other| other.chain() == job.chain());
            assert!(!is_shared, "two jobs on a chain: {job:?}");
        }
    }

    /// A job is of a node that issues work, is on a wanted chain, and was not retired before.
    pub(super) fn jobs_are_wanted_and_new(&self) {
        for job in self.coordinator.jobs().iter() {
            assert!(!self.coordinator.is_submit_only(job.node), "{job:?}");
            assert!(self.demand.admits(job.chain()), "not wanted: {job:?}");
            assert!(
                !self.retired.contains(&job.id),
                "back from the dead: {job:?}"
            );
        }
    }

    /// A new cut on its chain retires a job, unless there is a flood of them.
    pub(super) fn no_job_is_on_a_chain_that_moved(&self) {
        for job in self.coordinator.jobs().iter() {
            let place = (job.node, job.chain());
            let (Some(moved), asked) = (self.new_cuts.get(&place), self.requested[&job.id]) else {
                continue;
            };
            assert!(
                *moved <= asked || self.floods.get(&place) >= Some(&asked),
                "live though its chain has a new tip: {job:?}"
            );
        }
    }

    /// No job is on a parent for which a solution is submitted, or was when its work was requested.
    pub(super) fn no_job_is_on_a_solved_parent(&self) {
        for job in self.coordinator.jobs().iter() {
            let parent = job.work.header().parent();
            let solved = self.by_parent.get(&parent).into_iter().flatten();
            let mut solved = solved.filter_map(|job| self.submitted_blocks.get(job));
            let asked = self.requested[&job.id];
            let is_behind = solved.any(|(_, _, answered)| answered.is_none_or(|at| at > asked));
            assert!(!is_behind, "live though its parent is solved: {job:?}");
        }
    }

    /// No job of a node whose blocks are lost is live beside one of a good node.
    pub(super) fn no_job_of_a_lost_node_is_beside_one_of_a_good_node(&self) {
        let jobs = self.coordinator.jobs().iter();
        let mut losses = jobs.map(|job| {
            let standing = self.coordinator.nodes[job.node.0].peer.standing;
            standing.loses_blocks()
        });
        let first = losses.next();
        assert!(
            losses.all(|is_lost| Some(is_lost) == first),
            "a lost node beside a good one: {:?}",
            self.coordinator.jobs()
        );
    }

    /// The same work never replaces a live job.
    pub(in super::super) fn same_work_never_replaces_a_job(&self, jobs: &Jobs) {
        let live = self.live.iter().filter(|id| !jobs.contains(**id));
        for old in live.map(|id| &self.jobs[self.published[id]]) {
            let same = |new: &&Arc<Job>| {
                let (old, new) = (old.work.header(), new.work.header());
                old.differs_only_in_time_and_nonce(new)
            };
            let same = jobs.iter().filter(|new| new.node == old.node).find(same);
            assert!(same.is_none(), "preempted by the same work: {old:?}");
        }
    }

    /// No refresh has two outcomes.
    pub(super) fn no_refresh_has_two_outcomes(&self) {
        let tally = &self.coordinator.counters.refreshes;
        let pending = self.coordinator.live.published();
        let pending = pending.filter(|live| live.refresh.is_some()).count();
        let known = tally.preempted + tally.identical + pending as u64;
        assert!(known <= tally.received, "{tally:?}");
        assert!(pending <= self.config.work_slots, "{tally:?}");
    }

    /// A wrong solution is counted as one, and not as a solution.
    pub(in super::super) fn wrong_solutions_are_rejected(&self, before: &Counters) {
        let after = &self.coordinator.counters;
        assert_eq!(after.solutions_rejected, before.solutions_rejected + 1);
        assert_eq!(after.solutions, before.solutions);
    }

    /// Views go to a worker with a demand only. Those of a cut are complete.
    pub(in super::super) fn views_are_wanted_and_complete(&self, view: &View) {
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
}
