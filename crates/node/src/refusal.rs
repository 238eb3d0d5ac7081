//! What a node says when it refuses, told apart by status and text.
//!
//! The table is that of `chainweb-node`, `Chainweb/Miner/RestAPI/Server.hs` and
//! `Chainweb/Miner/Coordinator.hs`: an empty 404 means that there is no such route, one with text
//! that the node has forgotten the payload of a solution.

use chainweb::BlockHash;
use reqwest::{StatusCode, header};
use serde::Deserialize;

use crate::{Miner, Retry, error::excerpt, exchange::Answer};

/// Why a node refuses a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 403: the node does not mine for this miner.
    #[error(
        "the node does not mine for this miner (403 {text:?}): sent account {:?}, public key {:?}, \
         predicate {}; account and key set must equal one of the node's configured miners exactly: \
         give this client that miner's --public-key and --account (some nodes use the bare key as \
         account), or start the node with --mining-public-key={} (account k:{})",
        sent.account(), sent.public_key(), sent.predicate(), key_or_placeholder(sent), key_or_placeholder(sent)
    )]
    Unauthorized {
        /// The miner as sent.
        sent: Miner,
        /// The node's words.
        text: String,
    },
    /// 404 without a reason: the node has no such route.
    #[error("the node serves no {path} (404): {}", why_not_served(path))]
    NotServed {
        /// The path asked for.
        path: String,
    },
    /// 503: too many works handed out, or no update stream left.
    #[error("the node is too busy (503 {text:?})")]
    Busy {
        /// The node's words.
        text: String,
    },
    /// 404 to a solution: its payload is solved, submitted before, older than five minutes, or of
    /// another node. After a retry it may be this client's own first attempt that was taken.
    #[error(
        "the node no longer knows the payload of the solution: it is stale or was handed in before"
    )]
    Stale,
    /// 400 to a solution: its hash does not meet its target.
    #[error("the node says that the solution's hash does not meet its target (400 {text:?})")]
    InvalidPow {
        /// The node's words.
        text: String,
    },
    /// 400 otherwise: the node cannot read the request.
    #[error("the node cannot read the request (400 {text:?})")]
    Unreadable {
        /// The node's words.
        text: String,
        /// Whether it was a solution, which will not become readable.
        solution: bool,
    },
    /// 404 to a question about a block: the node does not know it (yet, or any more).
    #[error("the node does not know the block {0}")]
    UnknownBlock(BlockHash),
    /// Anything else.
    #[error("the node answered {path} with status {status} {text:?}")]
    Status {
        /// The path asked for.
        path: String,
        /// The status.
        status: u16,
        /// The start of the body, or where a redirect leads.
        text: String,
    },
}

impl Refusal {
    /// When, if ever, the same request may succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unauthorized { .. }
            | Self::Unreadable {
                solution: false, ..
            } => Retry::Later,
            Self::NotServed { .. } => Retry::AfterInfo,
            Self::Stale | Self::InvalidPow { .. } | Self::Unreadable { solution: true, .. } => {
                Retry::Never
            }
            Self::Busy { .. } | Self::UnknownBlock(_) | Self::Status { .. } => Retry::Soon,
        }
    }

    /// A refusal by any endpoint, as far as it does not matter which.
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = answer.text();
        match answer.status {
            StatusCode::NOT_FOUND => Self::NotServed {
                path: answer.path.clone(),
            },
            StatusCode::SERVICE_UNAVAILABLE => Self::Busy { text },
            status => {
                let location = answer.headers.get(header::LOCATION);
                let leads_to = location.map(|to| {
                    format!(
                        "redirect to {}",
                        excerpt(&String::from_utf8_lossy(to.as_bytes()))
                    )
                });
                Self::Status {
                    path: answer.path.clone(),
                    status: status.as_u16(),
                    text: leads_to.unwrap_or(text),
                }
            }
        }
    }

    /// A refusal by `/mining/work`.
    pub(crate) fn of_work(answer: &Answer, sent: &Miner) -> Self {
        match answer.status {
            StatusCode::FORBIDDEN => Self::Unauthorized {
                sent: sent.clone(),
                text: answer.text(),
            },
            StatusCode::BAD_REQUEST => Self::Unreadable {
                text: answer.text(),
                solution: false,
            },
            _ => Self::of(answer),
        }
    }

    /// A refusal by `/mining/solved`.
    pub(crate) fn of_solution(answer: &Answer) -> Self {
        let text = answer.text();
        match answer.status {
            StatusCode::NOT_FOUND if text.contains("No associated Payload") => Self::Stale,
            StatusCode::BAD_REQUEST if text.contains("Invalid POW hash") => {
                Self::InvalidPow { text }
            }
            StatusCode::BAD_REQUEST => Self::Unreadable {
                text,
                solution: true,
            },
            _ => Self::of(answer),
        }
    }

    /// A refusal to list the ancestors of `block`.
    pub(crate) fn of_ancestors(answer: &Answer, block: BlockHash) -> Self {
        #[derive(Deserialize)]
        struct KeyNotFound {
            key: String,
        }
        let unknown = serde_json::from_slice::<KeyNotFound>(&answer.body);
        match (answer.status, unknown) {
            (StatusCode::NOT_FOUND, Ok(unknown)) if unknown.key == block.to_string() => {
                Self::UnknownBlock(block)
            }
            _ => Self::of(answer),
        }
    }
}

fn why_not_served(path: &str) -> &'static str {
    if path == "/info" {
        "this is not the service API of a chainweb node; its port is 1848 unless it was told otherwise"
    } else {
        "mining coordination is disabled (start the node with --enable-mining-coordination), it serves \
         another network, or this is not its service API"
    }
}

fn key_or_placeholder(miner: &Miner) -> &str {
    match miner.public_key() {
        "" => "KEY",
        key => key,
    }
}
