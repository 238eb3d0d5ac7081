//! Refusals of a node, by status and text.
//!
//! From kadena-io/chainweb-node, `Chainweb/Miner/RestAPI/Server.hs` and
//! `Chainweb/Miner/Coordinator.hs`. A 404 without text means an unknown route; with text, an
//! unknown payload of a solution.

use std::time::Duration;

use chainweb::BlockHash;
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, header};
use serde::Deserialize;

use crate::Miner;
use crate::answer::{Answer, excerpt};

/// The start of a node's text for a solution whose hash does not meet its target.
const INVALID_POW: &str = "Invalid solved work: Invalid POW hash";
/// The starts of a node's other texts for a solution that it cannot read.
const REJECTIONS: [&str; 3] = [
    "Decoding error",
    "Unexpected encoding exception",
    "Invalid solved work",
];

/// The start of the texts of aeson, the node's JSON parser, for JSON without what it expects.
const UNREADABLE: &str = "Error in $";

/// When the same request may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a short pause; the cause may be temporary.
    Soon,
    /// After a new request for `/info`; the node may serve another network now.
    AfterInfo,
    /// After about half a minute; an operator must first change a configuration.
    Later,
    /// Never.
    Never,
}

/// The reason for which a node refuses a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 403: this miner is not among the node's configured miners.
    #[error(
        "the node refuses to mine for this key (403 {text:?}): sent account {:?}, public key {:?}, \
         predicate {}; account and key set must equal one of the node's configured miners exactly: \
         give this client that miner's --public-key and --account (some nodes use the bare key as \
         account), or start the node with --mining-public-key={} (account k:{})",
        sent.account(), sent.public_key(), sent.predicate(), key_or_placeholder(sent), key_or_placeholder(sent)
    )]
    Unauthorized {
        /// The miner as sent.
        sent: Miner,
        /// The text of the response.
        text: String,
    },
    /// 404 without text: the node does not serve the path.
    #[error("the node does not serve {path} (404): {}", why_not_served(path))]
    NotServed {
        /// The requested path.
        path: String,
    },
    /// 503: too much work outstanding, or too many update streams. 429: a proxy limits requests.
    #[error("the node is too busy ({status} {text:?})")]
    Busy {
        /// The status.
        status: u16,
        /// The text of the response.
        text: String,
        /// The requested pause (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// 404 to a solution: its payload is solved, already submitted, older than five minutes, or of
    /// another node. After a retry, an earlier attempt of this client may have been accepted.
    #[error(
        "the node no longer has the payload of the solution: it is stale or was submitted before"
    )]
    Stale,
    /// 400 to a solution: its hash does not meet its target.
    #[error("the solution's hash does not meet its target (400 {text:?})")]
    InvalidPow {
        /// The text of the response.
        text: String,
    },
    /// Any other 400: the node cannot read the request.
    #[error("the node cannot read the request (400 {text:?})")]
    Unreadable {
        /// The text of the response.
        text: String,
        /// Whether the request was a solution, for which a retry is useless.
        solution: bool,
    },
    /// 404 to a block lookup: the node does not have the block, yet or any more.
    #[error("the node does not have the block {0}")]
    UnknownBlock(BlockHash),
    /// A status that a node sends as well, without the text that a node sends with it.
    #[error(
        "something between this machine and the node answered {path} with status {status} {text:?}, \
         which is not a node's text: a proxy, CDN, firewall or login page; let requests to the node \
         pass through it unchanged, or use an address that bypasses it"
    )]
    Foreign {
        /// The requested path.
        path: String,
        /// The status.
        status: u16,
        /// The start of the body.
        text: String,
    },
    /// A refusal that is not the node's, by way of a proxy of the environment.
    #[error(
        "the proxy {proxy}, or something behind it, answered {path} with status {status} {text:?} in \
         place of the node: let it connect to the node, or list the node's host in no_proxy"
    )]
    Proxy {
        /// The address of the proxy, and the variable that sets it.
        proxy: String,
        /// The requested path.
        path: String,
        /// The status.
        status: u16,
        /// The start of the body.
        text: String,
    },
    /// Any other status.
    #[error("the node answered {path} with status {status} {text:?}")]
    Status {
        /// The requested path.
        path: String,
        /// The status.
        status: u16,
        /// The start of the body, or the target of a redirect.
        text: String,
    },
}

impl Refusal {
    /// Returns when to retry the request.
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
            Self::Busy { .. }
            | Self::UnknownBlock(_)
            | Self::Foreign { .. }
            | Self::Proxy { .. }
            | Self::Status { .. } => Retry::Soon,
        }
    }

    /// Whether the status is 500 or more, as that of a proxy whose node is down.
    pub(crate) fn is_of_server(&self) -> bool {
        match self {
            Self::Busy { status, .. }
            | Self::Foreign { status, .. }
            | Self::Proxy { status, .. }
            | Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Reads a refusal by any endpoint.
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = answer.excerpt();
        let retry_after = retry_after(&answer.headers);
        match answer.status {
            _ if answer.proxy.is_some() && retry_after.is_none() => Self::foreign(answer),
            StatusCode::NOT_FOUND if text.is_empty() => Self::NotServed {
                path: answer.path.clone(),
            },
            StatusCode::NOT_FOUND => Self::foreign(answer),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Self::Busy {
                status: answer.status.as_u16(),
                text,
                retry_after,
            },
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

    /// Reads a refusal by `/mining/work`.
    pub(crate) fn of_work(answer: &Answer, sent: &Miner) -> Self {
        let text = answer.excerpt();
        match answer.status {
            StatusCode::FORBIDDEN if text.starts_with("Unauthorized Miner") => Self::Unauthorized {
                sent: sent.clone(),
                text,
            },
            StatusCode::BAD_REQUEST if answer.proxy.is_none() && text.starts_with(UNREADABLE) => {
                Self::Unreadable {
                    text,
                    solution: false,
                }
            }
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => Self::foreign(answer),
            _ => Self::of(answer),
        }
    }

    /// Reads a refusal by `/mining/solved`.
    pub(crate) fn of_solution(answer: &Answer) -> Self {
        let text = answer.excerpt();
        match answer.status {
            StatusCode::NOT_FOUND if text == "No associated Payload" => Self::Stale,
            StatusCode::BAD_REQUEST if text.starts_with(INVALID_POW) => Self::InvalidPow { text },
            StatusCode::BAD_REQUEST if REJECTIONS.iter().any(|own| text.starts_with(own)) => {
                Self::Unreadable {
                    text,
                    solution: true,
                }
            }
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => Self::foreign(answer),
            _ => Self::of(answer),
        }
    }

    /// The node has not sent this.
    fn foreign(answer: &Answer) -> Self {
        let (path, status) = (answer.path.clone(), answer.status.as_u16());
        let text = answer.excerpt();
        match answer.proxy.clone() {
            Some(proxy) => Self::Proxy {
                proxy,
                path,
                status,
                text,
            },
            None => Self::Foreign { path, status, text },
        }
    }

    /// Reads a refusal to look up `block`.
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
            (StatusCode::NOT_FOUND, Ok(_)) if answer.proxy.is_none() => Self::NotServed {
                path: answer.path.clone(),
            },
            _ => Self::of(answer),
        }
    }
}

/// Returns the pause that the header requests, as seconds or as a date (RFC 9110, section 10.2.3).
/// A date is compared with that of the response, which is by the same clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let after = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let now = httpdate::parse_http_date(text(header::DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn why_not_served(path: &str) -> &'static str {
    if path == "/info" {
        "this is not the service API of a chainweb node, which has port 1848 by default"
    } else if path.ends_with("/mining/updates") {
        "mining coordination is disabled (start the node with --enable-mining-coordination), or \
         something before it lets only some paths through"
    } else if path.ends_with("/cut") {
        "it serves another network, or something before it lets only some paths through"
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
