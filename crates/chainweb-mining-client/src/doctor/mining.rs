//! What the answer to the one request for work says: mining API, key and work, three findings in one.

use node::{Cut, Error, Malformed, Miner, NoAnswer, Refusal};

use super::check::{Check, Finding};
use super::trouble::{fact, remedy};
use miner::units::About;

/// Bytes that are no work, or work that the node itself does not know.
pub(super) const CHANGED_ON_THE_WAY: &str = "something between the node and this machine changes its answers, or the \
                                             node is newer than this client and hands out work of another form";

/// What a refusal of work, or its absence, says. Checks that it says nothing about are left out. A node that gives its
/// cut serves the network, and only mining can be missing.
pub(super) fn refused(error: &Error, miner: &Miner, cut: Option<&Cut>) -> Vec<Finding> {
    let fail = |check, advice: &str| Finding::fail(check, fact(error), advice);
    match error {
        Error::Refused(Refusal::NotServed { .. }) => {
            vec![fail(Check::MiningApi, switched_off(cut))]
        }
        Error::Refused(Refusal::Unauthorized { text, .. }) => {
            let who = if text.contains("Unauthorized Miner") {
                ""
            } else {
                "a node says this in other words, so something before it may refuse; if not, "
            };
            let advice = format!("{who}{}", known_miners(miner));
            vec![
                on(),
                Finding::fail(Check::Key, unauthorized(error, miner), advice),
            ]
        }
        Error::Refused(Refusal::Busy { text }) if text.contains("Too many work requests") => {
            vec![
                on(),
                fail(
                    Check::Work,
                    "the node has handed out as many works as it remembers (1200 unless it was told otherwise) and \
                     forgets each after five minutes: wait, end other mining clients on this node, or raise the limit \
                     in its mining coordination",
                ),
            ]
        }
        Error::Refused(Refusal::Status { status: 500, .. }) => vec![
            on(),
            fail(
                Check::Work,
                "the node fails to make work: is it still catching up with its network? Its log says why",
            ),
        ],
        Error::NoAnswer(NoAnswer::Timeout { after, .. }) => vec![
            on(),
            Finding::fail(
                Check::Work,
                format!("no work within {}", About(*after)),
                "the node holds a request for work while it has none: is it still catching up with its network, or \
                 are its payloads not made? Its log says which",
            ),
        ],
        Error::Malformed(Malformed::Work { .. }) => {
            vec![on(), accepted(miner), fail(Check::Work, CHANGED_ON_THE_WAY)]
        }
        Error::Refused(
            Refusal::Busy { .. }
            | Refusal::Status {
                status: 501..=599, ..
            },
        )
        | Error::NoAnswer(_)
        | Error::Malformed(_) => vec![fail(Check::Work, remedy(error))],
        Error::Refused(_) => vec![fail(Check::MiningApi, remedy(error))],
    }
}

/// Mining coordination is there.
pub(super) fn on() -> Finding {
    Finding::ok(Check::MiningApi, "mining coordination is on")
}

/// The node gives this miner work.
pub(super) fn accepted(miner: &Miner) -> Finding {
    let figure = match miner.public_key() {
        "" => "the node asks for none",
        _ => "the node mines for this account and key",
    };
    Finding::ok(Check::Key, figure)
}

fn switched_off(cut: Option<&Cut>) -> &'static str {
    match cut {
        Some(_) => {
            "mining is switched off in the node: start it with --enable-mining-coordination and \
             --mining-public-key=KEY"
        }
        None => {
            "mining is switched off in the node (start it with --enable-mining-coordination and \
             --mining-public-key=KEY), or something before the node lets only some paths through"
        }
    }
}

/// The node's words name the account.
fn unauthorized(error: &Error, miner: &Miner) -> String {
    let fact = fact(error);
    match (miner.public_key(), miner.account()) {
        ("", _) => format!("{fact}; no key was sent"),
        (key, account) if account.strip_prefix("k:") == Some(key) => fact,
        (key, _) => format!("{fact}; the key sent was {key}"),
    }
}

fn known_miners(miner: &Miner) -> String {
    match miner.public_key() {
        "" => "give the key that the node mines for: --public-key KEY".to_owned(),
        key => format!(
            "account and key must both be those of a miner that the node is set up for: give its --public-key and \
             --account (some nodes have the bare key as account: --account {key}), or start the node with \
             --mining-public-key={key}"
        ),
    }
}
