//! Counts and times of all sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::distribution::Distribution;

/// Intended kind of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Its hash meets the target.
    Valid,
    /// Its hash is above the target.
    Low,
    /// Its job does not exist.
    Stale,
}

/// Formats the name in reports.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "valid",
            Self::Low => "low",
            Self::Stale => "stale",
        })
    }
}

/// Outcomes of the shares of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Number of sent shares.
    pub sent: u64,
    /// Number of accepted shares.
    pub accepted: u64,
    /// Number of rejected shares by error code; 0 is an error without a code.
    pub rejected: BTreeMap<i64, u64>,
    /// Number of shares not sent because the target does not allow this kind.
    pub impossible: u64,
}

/// Counts and times of all sessions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Number of attempts to connect.
    pub opened: u64,
    /// Number of connections.
    pub connected: u64,
    /// Number of sessions that are now logged in and have work; without a login, of connected ones.
    pub ready: usize,
    /// Times from the attempt to the connection.
    pub connect: Distribution,
    /// Times from the connection to the last answer of the login.
    pub login: Distribution,
    /// Times from the connection to the first job.
    pub first_job: Distribution,
    /// Times from one job of a session to the next.
    pub job_to_job: Distribution,
    /// Times from the submission of a share to its answer.
    pub round_trip: Distribution,
    /// Outcomes of shares by kind.
    pub shares: BTreeMap<Kind, Outcomes>,
    /// Number of answers to shares.
    #[serde(skip)]
    pub answered: u64,
    /// Number of `mining.notify` lines.
    pub notifies: u64,
    /// Number of failures by kind.
    pub failures: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn fail(&mut self, failure: &'static str) {
        *self.failures.entry(failure).or_default() += 1;
    }

    pub(super) fn outcomes(&mut self, kind: Kind) -> &mut Outcomes {
        self.shares.entry(kind).or_default()
    }

    /// Counts the answer to a share. `rejected` is the error code of a rejection.
    pub(super) fn answer(&mut self, kind: Kind, rejected: Option<i64>, round_trip: Duration) {
        self.answered += 1;
        self.round_trip.add(round_trip);
        let outcomes = self.outcomes(kind);
        match rejected {
            None => outcomes.accepted += 1,
            Some(code) => *outcomes.rejected.entry(code).or_default() += 1,
        }
    }

    /// Returns the number of failures of all kinds.
    pub fn failure_count(&self) -> u64 {
        self.failures.values().sum()
    }
}
