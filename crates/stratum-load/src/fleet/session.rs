//! State of one session.

use std::collections::VecDeque;
use std::net::TcpStream;

use chainweb::{Target, WorkHeader};

use crate::clock::Moment;
use crate::fleet::tally::Kind;
use crate::nonce::NonceSplit;

/// Id of the subscribe request.
pub(super) const SUBSCRIBE: u64 = 1;

/// Id of the authorize request; shares have the ids after it.
pub(super) const AUTHORIZE: u64 = 2;

/// Progress of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Closed,
    Connecting,
    /// Connected; an answer or the first job is missing.
    LoggingIn,
    /// Logged in, with work.
    Ready,
}

/// An unanswered share.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) sent: Moment,
}

/// A session; small, since a fleet has thousands.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) stream: Option<TcpStream>,
    pub(super) state: State,
    /// Number of the attempt to connect; timers of earlier connections are void.
    pub(super) opened: u64,
    pub(super) since: Moment,
    pub(super) answers_missing: u8,
    /// Start of an incomplete line.
    pub(super) input: Vec<u8>,
    /// Bytes that the socket has not accepted yet.
    pub(super) output: Vec<u8>,
    pub(super) job_id: String,
    /// Arrival of the job.
    pub(super) job_at: Moment,
    /// Header of the job, kept only if shares must be hashed.
    pub(super) header: Option<Box<WorkHeader>>,
    pub(super) target: Option<Target>,
    pub(super) split: NonceSplit,
    pub(super) next_nonce2: u64,
    /// Number of shares sent.
    pub(super) shares: u64,
    pub(super) waiting: VecDeque<Waiting>,
    /// Keys of the most recent works, newest first.
    pub(super) recent: [Option<u64>; 4],
}

impl Session {
    /// Whether every nonce meets the target.
    pub(super) fn is_target_open(&self) -> bool {
        self.target.is_none_or(|target| target == Target::MAX)
    }
}
