//! All invariants: what holds of the client in every world, each a function with a sentence.
//!
//! Those of the list hold after every event. The others hold where something happens, and are
//! called there: of jobs and the worker in `jobs.rs`, of nodes and requests in `nodes.rs`, of
//! blocks in `blocks.rs`, of sessions in `devices.rs`, of what outlives the program in `memory.rs`.
//! What recovers once faults are over is in `healing.rs`.

mod blocks;
mod devices;
mod jobs;
mod memory;
mod nodes;

use std::sync::Arc;
use std::time::Instant;

use super::super::super::Request;
use super::{Flight, World};
use crate::demand::Demand;
use crate::job::Job;

/// A solution with a submission under way.
#[derive(Debug)]
pub(super) struct OpenSolution {
    pub(super) job: Arc<Job>,
    is_outdated: bool,
    expires: Instant,
}

/// What holds after every event.
const ALWAYS: [fn(&World); 10] = [
    World::slots_are_enough_for_the_jobs,
    World::no_two_jobs_are_on_a_chain,
    World::jobs_are_wanted_and_new,
    World::no_job_is_on_a_chain_that_moved,
    World::no_job_is_on_a_solved_parent,
    World::no_job_of_a_lost_node_is_beside_one_of_a_good_node,
    World::a_mute_node_is_known_to_be_one,
    World::a_good_node_serves,
    World::no_refresh_has_two_outcomes,
    World::something_is_awaited,
];

impl Flight {
    /// Whether its answer shows that the node lives, and its lack that the node does not.
    pub(super) fn is_of_gate(&self) -> bool {
        matches!(
            self.request,
            Request::Identify | Request::Work { .. } | Request::Cut { .. }
        )
    }
}

impl World {
    pub(super) fn check(&mut self) {
        self.wakeup = self.coordinator.next_wakeup();
        for holds in ALWAYS {
            holds(self);
        }
    }

    /// No wakeup has passed, and there is one, or a request in flight, unless nothing is wanted.
    fn something_is_awaited(&self) {
        let wakeup = self.wakeup;
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
}
