//! What the sessions went through, counted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::distribution::Distribution;

/// What a share was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It meets the target.
    Valid,
    /// It misses the target.
    Low,
    /// Its job never was.
    Stale,
}

/// The name in reports.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "valid",
            Self::Low => "low",
            Self::Stale => "stale",
        })
    }
}

/// What became of the shares of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Shares that were sent.
    pub sent: u64,
    /// Shares that were accepted.
    pub accepted: u64,
    /// Shares that were rejected, by the code of the error; 0 where there was none.
    pub rejected: BTreeMap<i64, u64>,
    /// Shares of this kind that the target did not allow, and that were not sent.
    pub impossible: u64,
}

/// Counts and times of all sessions.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Connections that were asked for.
    pub opened: u64,
    /// Connections that were made.
    pub connected: u64,
    /// Sessions that are logged in and have work now (without a login: are connected).
    pub ready: usize,
    /// From the wish to connect to the connection.
    pub connect: Distribution,
    /// From the connection to the last answer of the login.
    pub login: Distribution,
    /// From the connection to the first job.
    pub first_job: Distribution,
    /// From a submit to its answer.
    pub round_trip: Distribution,
    /// Shares by their kinds.
    pub shares: BTreeMap<Kind, Outcomes>,
    /// Answers to shares.
    pub answered: u64,
    /// Notifications of jobs.
    pub notifies: u64,
    /// What went wrong, and how often.
    pub failures: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn fail(&mut self, what: &'static str) {
        *self.failures.entry(what).or_default() += 1;
    }

    pub(super) fn outcomes(&mut self, kind: Kind) -> &mut Outcomes {
        self.shares.entry(kind).or_default()
    }

    /// Counts the answer to a share: accepted, or the code of the error.
    pub(super) fn answer(&mut self, kind: Kind, rejected: Option<i64>, after: Duration) {
        self.answered += 1;
        self.round_trip.add(after);
        let outcomes = self.outcomes(kind);
        match rejected {
            None => outcomes.accepted += 1,
            Some(code) => *outcomes.rejected.entry(code).or_default() += 1,
        }
    }

    pub(super) fn reset_shares(&mut self) {
        self.round_trip = Distribution::default();
        self.shares.clear();
        self.answered = 0;
    }

    /// The number of failures of all kinds.
    pub fn failure_count(&self) -> u64 {
        self.failures.values().sum()
    }
}
