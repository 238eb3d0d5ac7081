//! The output of a session: lines to send, solutions to report, shares to count.
//!
//! Keeps all answers in order but only the newest target and job, so a client that does not read
//! cannot fill it with jobs. Lines are sent in the order answers, target, job.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chainweb::{CreationTime, Difficulty, Level, Nonce, Target};

use crate::job::StratumJob;
use crate::message::{Refusal, notification};
use crate::share_log::ShareRecord;
use crate::stats::{Freshness, WorkerName};

/// A solution: the fields that complete the header of the work to a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The [`LiveWork::key`](crate::LiveWork::key) of the work.
    pub key: u64,
    /// The whole nonce, both parts.
    pub nonce: Nonce,
    /// The creation time of the job's header.
    pub creation_time: CreationTime,
    /// The worker name, or `None` if the client has not authorized.
    pub worker: Option<WorkerName>,
}

/// A setting of a device that cannot be applied as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingWarning {
    /// The worker name, or `None` if the client has not authorized.
    pub worker: Option<WorkerName>,
    /// Name and value as the client sent them, such as `d=4096`.
    pub setting: String,
    /// The limit that applies instead, or `None` if the setting cannot be read.
    pub limit: Option<Level>,
}

/// The verdict on one share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareEvent {
    /// The share was accepted.
    Accepted {
        /// The credited difficulty, in expected hashes.
        credited: Difficulty,
        /// The difficulty of its hash.
        achieved: Difficulty,
        /// Whether its work was still live.
        freshness: Freshness,
    },
    /// The share was refused.
    Refused(Refusal),
}

/// Why the server closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// A line was too long.
    Oversized,
    /// The client exceeded the rate limit.
    Flood,
    /// The client did not subscribe in time.
    NotSubscribed,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oversized => "a line was too long",
            Self::Flood => "too many lines",
            Self::NotSubscribed => "no mining.subscribe",
        })
    }
}

/// The output of a session, which the caller drains.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Solutions, to report before anything else.
    pub solutions: Vec<Solution>,
    /// Shares in the order received.
    pub shares: Vec<ShareEvent>,
    /// The shares for the log, in the same order.
    pub records: Vec<ShareRecord>,
    /// The number of lines that were not valid requests.
    pub bad_lines: u64,
    /// The number of subscriptions refused because no nonce1 was free.
    pub refused_subscriptions: u64,
    /// The time since the job before, if a job is late.
    pub late_job: Option<Duration>,
    /// Settings of the client to warn of, each once for a worker name.
    pub settings: Vec<SettingWarning>,
    /// The reason to close the connection, if any.
    pub close: Option<Close>,
    pub(crate) answers: Vec<u8>,
    pub(crate) target: Option<Target>,
    pub(crate) job: Option<Arc<StratumJob>>,
}

impl Outbox {
    /// Removes and returns the lines to send; empty if there are none. Does not copy a job alone.
    pub fn take_lines(&mut self) -> Bytes {
        let job = self.job.take();
        let target = self.target.take();
        if self.answers.is_empty() && target.is_none() {
            return job.map_or_else(Bytes::new, |job| job.notify().clone());
        }
        let mut lines = std::mem::take(&mut self.answers);
        if let Some(target) = target {
            notification::write_set_target(target, &mut lines);
        }
        if let Some(job) = job {
            lines.extend_from_slice(job.notify());
        }
        lines.into()
    }

    /// Returns the lines to send if they are answers only or a job only.
    pub(crate) fn alone(&self) -> Option<&[u8]> {
        match (&self.job, &self.target) {
            (None, None) if !self.answers.is_empty() => Some(&self.answers),
            (Some(job), None) if self.answers.is_empty() => Some(job.notify()),
            _ => None,
        }
    }

    /// Removes the lines of [`Outbox::alone`].
    pub(crate) fn alone_sent(&mut self) {
        self.answers = Vec::new();
        self.job = None;
    }

    /// Whether there are lines to send.
    pub fn has_lines(&self) -> bool {
        !self.answers.is_empty() || self.target.is_some() || self.job.is_some()
    }

    /// Returns the number of bytes of the answers to send.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.answers.len()
    }
}
