//! Why a request brought nothing to work with, and when to ask again.
//!
//! Three things can happen: no answer comes, the node refuses, or the answer makes no sense. Whether
//! to ask again is a property ([`Error::retry`]), so that a caller need not know every refusal.

use std::fmt;

use chainweb::{BlockHash, WorkError};

use crate::{NoAnswer, Refusal, VersionError};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No complete answer came. Whether the node acted on the request is unknown.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The node, or a proxy before it, answered that it will not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The node answered, but not what was asked for.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// When, if ever, the same request may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again after a short pause: it may pass by itself.
    Soon,
    /// Again after asking for `/info`: the network the node serves may have changed.
    AfterInfo,
    /// Again in half a minute or so: somebody must first change the configuration of one side.
    Later,
    /// Never: it would be refused again.
    Never,
}

/// What is wrong with an answer of success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// `/mining/work` is not work.
    #[error("the node's answer of {len} bytes is not work: {why}")]
    Work {
        /// The length of the answer.
        len: usize,
        /// What is wrong with it.
        why: WorkError,
    },
    /// `/info` does not name a network the client can ask for.
    #[error("the node's /info is not usable: {0}")]
    Version(#[from] VersionError),
    /// An answer in JSON does not have the form of its kind.
    #[error(
        "the node's {what} is not what a chainweb node sends: {why}; is this the service API of one?"
    )]
    Json {
        /// Which answer.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The answer is not the header of the block that was asked for.
    #[error("the node's answer is not the header of block {0}")]
    BlockHeader(BlockHash),
    /// The answer on an update stream is not a stream of events.
    #[error("the node's update stream is of type {content_type:?} instead of text/event-stream")]
    NotEvents {
        /// What it says it is.
        content_type: String,
    },
    /// The answer is longer than any of its kind; the rest was not read.
    #[error("the node's {what} is longer than {limit_bytes} bytes")]
    TooLong {
        /// Which answer.
        what: &'static str,
        /// The limit for it.
        limit_bytes: usize,
    },
}

impl Malformed {
    /// An answer in JSON that does not have the form of its kind.
    pub(crate) fn json(what: &'static str, why: impl fmt::Display) -> Self {
        Self::Json {
            what,
            why: excerpt(&why.to_string()),
        }
    }
}

/// The start of a text that a node determines the length of.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    let start: String = text.chars().take(MAX_CHARS).collect();
    if start.len() < text.len() {
        format!("{start}…")
    } else {
        start
    }
}

impl Error {
    /// When, if ever, the same request may succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoAnswer(_) | Self::Malformed(_) => Retry::Soon,
            Self::Refused(refusal) => refusal.retry(),
        }
    }
}
