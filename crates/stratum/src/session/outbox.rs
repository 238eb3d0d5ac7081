//! What a session wants to have done: lines to be sent, solutions to be told, shares to be counted.
//!
//! Answers are kept all and in order; of targets and jobs only the newest are, so that a client that does not read
//! holds no more than its unanswered requests. Answers go out first, then the target, then the job.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chainweb::{CreationTime, Difficulty, Nonce, Target};

use crate::message::{Refusal, notification};
use crate::{Freshness, StratumJob, WorkerName};

/// A header field by field that solves a work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The key of the work.
    pub key: u64,
    /// The nonce found.
    pub nonce: Nonce,
    /// The creation time under which it was found.
    pub creation_time: CreationTime,
    /// Who found it; `None` if the client has not said its name.
    pub worker: Option<WorkerName>,
}

/// What became of one share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareEvent {
    /// It counts.
    Accepted {
        /// The effort that it proves.
        credited: Difficulty,
        /// The difficulty of its hash.
        found: Difficulty,
        /// Whether its work was still live.
        freshness: Freshness,
    },
    /// It does not.
    Refused(Refusal),
}

/// Why a session is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// A line is too long.
    Oversized,
    /// The client sends too much.
    Flood,
    /// The client never subscribed.
    Stranger,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oversized => "a line was too long",
            Self::Flood => "too many lines",
            Self::Stranger => "never subscribed",
        })
    }
}

/// What a session wants to have done.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Blocks, to be told before anything else is done.
    pub solutions: Vec<Solution>,
    /// Shares in the order in which they came.
    pub shares: Vec<ShareEvent>,
    /// Lines that were no requests.
    pub bad_lines: u64,
    /// Subscriptions for which there was no nonce space.
    pub refused_subscriptions: u64,
    /// Why the session is over, if it is.
    pub close: Option<Close>,
    pub(crate) answers: Vec<u8>,
    pub(crate) target: Option<Target>,
    pub(crate) job: Option<Arc<StratumJob>>,
}

impl Outbox {
    /// The bytes of the lines that are to be sent, which are then taken for sent; empty if there are none. A job alone
    /// is not copied.
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

    /// The bytes that are to be sent if they are answers and nothing else.
    pub(crate) fn answers_alone(&self) -> Option<&[u8]> {
        let alone = self.target.is_none() && self.job.is_none() && !self.answers.is_empty();
        alone.then_some(&self.answers)
    }

    /// Takes all answers for sent.
    pub(crate) fn answers_sent(&mut self) {
        self.answers = Vec::new();
    }

    /// Whether there are lines to be sent.
    pub fn has_lines(&self) -> bool {
        !self.answers.is_empty() || self.target.is_some() || self.job.is_some()
    }

    /// The number of bytes of the answers that are to be sent.
    pub fn answer_bytes(&self) -> usize {
        self.answers.len()
    }
}
