//! The coordinator's logical clock: one sequence of numbers for everything that happens.
//!
//! Requests carry the number at which they were made. An answer counts only for what was known
//! then: the number separates updates before a request from updates during it.

use crate::job::{Job, JobId};

/// A sequence number: a position in the order of all events and requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl Seq {
    /// Returns the number at which the job arrived, which is also its id.
    pub(super) fn of(job: &Job) -> Self {
        Self(job.id.0)
    }

    /// Returns the id of a job arriving at this number.
    pub(super) fn job_id(self) -> JobId {
        JobId(self.0)
    }

    /// Moves on to the next number and returns it.
    pub(super) fn advance(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}
