//! Failed requests in words: what happened, and what to change, as far as it is the same for all
//! requests.

use miner::units::About;
use node::{Error, Malformed, NoAnswer, Refusal};

/// Returns what happened, without the address.
pub(super) fn fact(error: &Error) -> String {
    match error {
        Error::NoAnswer(NoAnswer::Timeout { after, .. }) => {
            format!("no answer within {}", About(*after))
        }
        Error::NoAnswer(NoAnswer::Connect { why, .. }) => format!("cannot connect: {why}"),
        Error::NoAnswer(NoAnswer::Broken { why, .. }) => {
            format!("the connection failed before the answer was complete: {why}")
        }
        Error::Refused(refusal) => refused(refusal),
        Error::Malformed(Malformed::Json { what, why }) => {
            format!("its {what} is not what a chainweb node sends: {why}")
        }
        Error::Malformed(malformed) => malformed.to_string(),
    }
}

fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Unauthorized { text, .. } => answer(403, text),
        Refusal::NotServed { path } => format!("404 for {path}"),
        Refusal::Unreadable { text, .. } => answer(400, text),
        Refusal::Proxy {
            proxy,
            status,
            text,
            ..
        } => format!("the proxy {proxy} {}", answer(*status, text)),
        Refusal::Busy { status, text, .. }
        | Refusal::Foreign { status, text, .. }
        | Refusal::Status { status, text, .. } => answer(*status, text),
        Refusal::Stale | Refusal::InvalidPow { .. } | Refusal::UnknownBlock(_) => {
            refusal.to_string()
        }
    }
}

fn answer(status: u16, text: &str) -> String {
    match text.lines().next() {
        None | Some("") => format!("answers {status}"),
        Some(line) => format!("answers {status}: {line}"),
    }
}

/// Returns what to change.
pub(super) fn remedy(error: &Error) -> &'static str {
    match error {
        Error::NoAnswer(NoAnswer::Connect { .. }) => {
            "it accepted a connection a moment ago: is it restarting, or does it limit connections?"
        }
        Error::NoAnswer(NoAnswer::Broken { .. }) => {
            "the node, or a proxy before it, hangs up in the middle of an answer: its log says why"
        }
        Error::NoAnswer(NoAnswer::Timeout { .. }) => {
            "the node is starting or overloaded, or a proxy before it is stuck: its log says which; \
             --timeout allows more time"
        }
        Error::Refused(Refusal::NotServed { path }) if path != "/info" => {
            "something before the node lets only some paths through: it has to let through all that \
             begin with /chainweb/"
        }
        Error::Refused(Refusal::NotServed { .. }) => {
            "this is not the service API of a chainweb node: set its port in --node, 1848 by default \
             (the P2P port serves no mining)"
        }
        Error::Refused(Refusal::Busy { .. }) => {
            "the node, or a proxy before it, is too busy or still starting: its log says which"
        }
        Error::Refused(Refusal::Proxy { .. }) => {
            "the proxy, or something behind it, answers in place of the node: let it connect to the \
             node, or list the node's host in no_proxy"
        }
        Error::Refused(Refusal::Status { status, .. }) => of_status(*status),
        Error::Refused(_) | Error::Malformed(_) => {
            "a chainweb node does not answer so: is --node the service API of one, with nothing in \
             between that changes its answers?"
        }
    }
}

fn of_status(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: set --node to the address it leads to",
        401 | 407 => {
            "something before the node wants a password, which this client does not have: use an \
             address that bypasses it"
        }
        502 | 504 => {
            "this is a proxy, and the node behind it does not answer it: is the node running, and does \
             the proxy lead to its service API?"
        }
        500..=599 => "the node, or a proxy before it, has an internal error: its log says which",
        _ => {
            "a chainweb node does not answer so: is --node the service API of one, with nothing in \
             between that refuses?"
        }
    }
}
