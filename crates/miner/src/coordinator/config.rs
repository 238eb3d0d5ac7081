//! The choices of the coordinator.

use super::preemption::Preemption;
use crate::job::Proof;
use crate::timing::Timing;

/// The choices of the coordinator.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of nodes. They are numbered from 0 in the order of preference.
    pub nodes: usize,
    /// The highest number of live jobs, each on a chain of its own; at least 1.
    pub work_slots: usize,
    /// When to fetch new work after a payload refresh.
    pub preemption: Preemption,
    /// What a solution has to prove before it is submitted.
    pub proof: Proof,
    /// All durations.
    pub timing: Timing,
}
