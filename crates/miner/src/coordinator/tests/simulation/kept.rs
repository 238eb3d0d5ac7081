//! Schedules that failed once, cut down, as the simulation prints them. Each is run with all tests.

#![expect(
    clippy::unreadable_literal,
    reason = "the form in which schedules are printed"
)]

use super::schedule::Act::{Block, Calm, CutOff, Move, Solve};
use super::schedule::Ending::{LookUpBlocks, Nothing};
use super::schedule::Policy::Immediate;
use super::schedule::Worker::Any;
use super::schedule::{Schedule, Setup, Step};

/// Each failed while the product lacked what its comment names.
#[rustfmt::skip]
pub(super) fn schedules() -> Vec<Schedule> {
    vec![
        // The second solution of a job is a duplicate.
        Schedule { setup: Setup { choice: 9136120204379184874, nodes: 1, submit_only: 0, chains: 1, slots: 1, policy: Immediate, policy_ms: 16910, worker: Any, is_proven: true, faults: 0, is_evm: false, shares_payloads: false, difficulty: 1, is_remembered: false }, steps: vec![Step(Calm, 0), Step(Solve, 2466331159), Step(Solve, 1699330717)], ending: (Nothing, 330767388) },
        // A new cut retires a job.
        Schedule { setup: Setup { choice: 9136120204379184874, nodes: 1, submit_only: 0, chains: 1, slots: 1, policy: Immediate, policy_ms: 16910, worker: Any, is_proven: true, faults: 0, is_evm: false, shares_payloads: false, difficulty: 1, is_remembered: false }, steps: vec![Step(Calm, 0), Step(Block, 2473041574), Step(Calm, 0)], ending: (Nothing, 330767388) },
        // A request waits while another of its kind is in flight.
        Schedule { setup: Setup { choice: 9136120204379184874, nodes: 1, submit_only: 0, chains: 2, slots: 1, policy: Immediate, policy_ms: 16910, worker: Any, is_proven: true, faults: 5, is_evm: false, shares_payloads: false, difficulty: 1, is_remembered: false }, steps: vec![Step(Calm, 0)], ending: (Nothing, 330767388) },
        // Work on a solved parent is of no use.
        Schedule { setup: Setup { choice: 9136120204379184874, nodes: 1, submit_only: 0, chains: 1, slots: 1, policy: Immediate, policy_ms: 16910, worker: Any, is_proven: true, faults: 0, is_evm: false, shares_payloads: false, difficulty: 1, is_remembered: false }, steps: vec![Step(Calm, 0), Step(Solve, 3450362602), Step(Move, 2430191111), Step(Move, 1384930411)], ending: (Nothing, 330767388) },
        // A found block is held back until it is on the disk.
        Schedule { setup: Setup { choice: 9136120204379184874, nodes: 1, submit_only: 0, chains: 1, slots: 1, policy: Immediate, policy_ms: 16910, worker: Any, is_proven: true, faults: 0, is_evm: false, shares_payloads: false, difficulty: 1, is_remembered: true }, steps: vec![Step(Calm, 0), Step(Solve, 3397850933)], ending: (Nothing, 330767388) },
        // The next run asks about blocks that no node is known to have.
        Schedule { setup: Setup { choice: 9136120204379184874, nodes: 1, submit_only: 0, chains: 1, slots: 1, policy: Immediate, policy_ms: 16910, worker: Any, is_proven: true, faults: 0, is_evm: false, shares_payloads: false, difficulty: 1, is_remembered: true }, steps: vec![Step(Calm, 0), Step(Solve, 2688543693), Step(CutOff, 512708869)], ending: (LookUpBlocks, 0) },
    ]
}
