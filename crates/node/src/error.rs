//! The error of a request, and when to retry.
//!
//! A request fails without a response, with a refusal, or with a malformed response. Whether to
//! retry is a property ([`Error::retry`]), so callers need not know every refusal.

use std::fmt;
use std::time::Duration;

use chainweb::{BlockHash, WorkError};

use crate::answer::excerpt;
use crate::{NoAnswer, Refusal, Retry, VersionError};

/// The error of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No complete response. Whether the node acted on the request is unknown.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The node, or a proxy in front of it, refused the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The response is not of the requested kind.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// The error of a successful but malformed response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The response to `/mining/work` is not work.
    #[error("the node's answer of {len} bytes is not work: {why}")]
    Work {
        /// The length of the response in bytes.
        len: usize,
        /// The error of decoding it.
        why: WorkError,
    },
    /// The network name in `/info` is not usable in a path.
    #[error("the node's /info is not usable: {0}")]
    Version(#[from] VersionError),
    /// A JSON response does not have the expected form.
    #[error("the node's {what} is malformed: {why}; is this the service API of a chainweb node?")]
    Json {
        /// The kind of response.
        what: &'static str,
        /// The error of parsing it.
        why: String,
    },
    /// The response is not the header of the requested block.
    #[error("the node's answer is not the header of block {0}")]
    BlockHeader(BlockHash),
    /// The response to a request for updates is not an event stream.
    #[error("the node's update stream is of type {content_type:?} instead of text/event-stream")]
    NotEvents {
        /// The content type of the response.
        content_type: String,
    },
    /// The response has a body, but a node sends none: something in between answered.
    #[error(
        "something between this machine and the node answered with status {status} and {text:?} in \
         place of the node's empty {what}: a proxy, CDN or login page; let requests to the node \
         pass through it unchanged, or use an address that bypasses it"
    )]
    NotEmpty {
        /// The kind of response.
        what: &'static str,
        /// The status.
        status: u16,
        /// The start of the body.
        text: String,
    },
    /// The response is longer than its limit; the rest was not read.
    #[error("the node's {what} is longer than {limit_bytes} bytes")]
    TooLong {
        /// The kind of response.
        what: &'static str,
        /// The limit in bytes.
        limit_bytes: usize,
    },
}

impl Malformed {
    /// Returns the error of a JSON response without the expected form.
    pub(crate) fn json(what: &'static str, why: impl fmt::Display) -> Self {
        Self::Json {
            what,
            why: excerpt(&why.to_string()),
        }
    }
}

impl Error {
    /// Returns when to retry the request.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoAnswer(_) | Self::Malformed(_) => Retry::Soon,
            Self::Refused(refusal) => refusal.retry(),
        }
    }

    /// Whether the response has a status of 500 or more, as that of a proxy whose node is down.
    pub fn is_of_server(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_of_server())
    }

    /// Returns the pause that the response requests, of any length.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(Refusal::Busy { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }
}
