//! State of one session.

use std::collections::VecDeque;
use std::net::TcpStream;

use chainweb::{Target, WorkHeader};

use crate::clock::Moment;
use crate::fleet::tally::Kind;

/// Id of the subscribe request.
pub(super) const SUBSCRIBE: u64 = 1;

/// Id of the authorize request; shares have the ids after it.
pub(super) const AUTHORIZE: u64 = 2;

/// Progress of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Connecting,
    /// Connected; an answer or the first job is missing.
    LoggingIn,
    /// Logged in, with work.
    Ready,
}

/// When a session reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// At any time.
    Always,
    /// Until the login is complete.
    UntilReady,
}

/// An unanswered share.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) sent: Moment,
}

/// A session; small, since a fleet has thousands.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) stream: Option<TcpStream>,
    pub(super) state: State,
    /// Number of times it has been opened; timers of earlier connections are void.
    pub(super) opened: u32,
    pub(super) reads: Reads,
    pub(super) since: Moment,
    pub(super) answers_missing: u8,
    /// Start of an incomplete line.
    pub(super) input: Vec<u8>,
    /// Bytes that the socket has not accepted yet.
    pub(super) output: Vec<u8>,
    pub(super) job_id: String,
    /// Header of the job, kept only if shares must be hashed.
    pub(super) header: Option<Box<WorkHeader>>,
    pub(super) target: Option<Target>,
    /// Value and length in bytes of nonce1.
    pub(super) nonce1: (u64, u32),
    pub(super) next_nonce2: u64,
    pub(super) next_id: u64,
    pub(super) waiting: VecDeque<Waiting>,
    /// Keys of the most recent works, newest first.
    pub(super) recent: [Option<u64>; 4],
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            stream: None,
            state: State::Closed,
            opened: 0,
            reads: Reads::Always,
            since: Moment::default(),
            answers_missing: 0,
            input: Vec::new(),
            output: Vec::new(),
            job_id: String::new(),
            header: None,
            target: None,
            nonce1: (0, 2),
            next_nonce2: 0,
            next_id: AUTHORIZE + 1,
            waiting: VecDeque::new(),
            recent: [None; 4],
        }
    }

    /// Whether every nonce meets the target.
    pub(super) fn is_target_open(&self) -> bool {
        self.target.is_none_or(|target| target == Target::MAX)
    }

    /// Records received work, and returns whether it is new to the session.
    pub(super) fn record_work(&mut self, key: u64) -> Novelty {
        if self.recent.contains(&Some(key)) {
            return Novelty::Known;
        }
        let novelty = match self.recent[0] {
            None => Novelty::First,
            Some(_) => Novelty::New,
        };
        self.recent.rotate_right(1);
        self.recent[0] = Some(key);
        novelty
    }
}

/// Whether a session has received some work before.
pub(super) enum Novelty {
    First,
    New,
    Known,
}
