//! The findings from one request for work: mining API, key and work.

use miner::units::About;
use node::{Cut, Error, Info, Malformed, Miner, NoAnswer, Refusal};

use super::check::{Check, Finding};
use super::trouble::{fact, remedy};

/// The advice on malformed work, and on work which builds on blocks unknown to the node.
pub(super) const CHANGED_ON_THE_WAY: &str = "something between the node and this machine changes its answers, or the node is newer than \
     this client and sends work of another form";
const FULL: &str = "the node stores no more work than this (1200 unless configured otherwise), each \
                    for five minutes: wait, end other mining clients on this node, or raise the \
                    limit in its mining coordination";
const STUCK: &str = "the node cannot make work: is it still catching up with its network? Its log \
                     says why";
const SILENT: &str = "the node answers once it has work: is it still catching up with its network, \
                      or does it fail to make payloads? Its log says which";

/// Returns the findings if the node sends no work, without the checks left open by this. A node
/// which sends its cut serves the network: only mining can be missing.
pub(super) fn refused(
    error: &Error,
    miner: &Miner,
    info: &Info,
    cut: Option<&Cut>,
) -> Vec<Finding> {
    let work = |advice| Finding::fail(Check::Work, fact(error), advice);
    let api = |advice| Finding::fail(Check::MiningApi, fact(error), advice);
    match error {
        Error::Refused(Refusal::NotServed { .. }) => vec![api(switched_off(cut))],
        Error::Refused(
            Refusal::Unauthorized { text, .. }
            | Refusal::Foreign {
                status: 403, text, ..
            },
        ) => {
            vec![on(), unauthorized(&fact(error), text, miner)]
        }
        Error::Refused(Refusal::Busy { text, .. }) if text.contains("Too many work requests") => {
            vec![on(), work(FULL)]
        }
        Error::Refused(Refusal::Status { status: 500, .. }) => vec![on(), work(STUCK)],
        Error::NoAnswer(NoAnswer::Timeout { after, .. }) => {
            let figure = format!("no work within {}", About(*after));
            vec![on(), Finding::fail(Check::Work, figure, SILENT)]
        }
        Error::Malformed(Malformed::Work { .. }) => {
            vec![on(), key(miner, info.is_evm), work(CHANGED_ON_THE_WAY)]
        }
        Error::Refused(
            Refusal::Busy { .. }
            | Refusal::Status {
                status: 501..=599, ..
            },
        )
        | Error::NoAnswer(_)
        | Error::Malformed(_) => vec![work(remedy(error))],
        Error::Refused(_) => vec![api(remedy(error))],
    }
}

pub(super) fn on() -> Finding {
    Finding::ok(Check::MiningApi, "mining coordination is on")
}

/// Returns the finding about the key if the node sends work. A node of the EVM line pays the
/// accounts of its own configuration, not the account of the miner.
pub(super) fn key(miner: &Miner, is_evm: bool) -> Finding {
    match miner.public_key() {
        _ if is_evm => Finding::ok(
            Check::Key,
            "not needed: the node's configuration names the accounts to pay",
        ),
        "" => Finding::warn(
            Check::Key,
            "the node sends work without a key",
            "no --public-key: blocks earn no reward; give your key with --public-key KEY",
        ),
        _ => Finding::ok(Check::Key, "the node mines for this account and key"),
    }
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

/// Returns the finding about an unknown miner. The text of the node names the account, not the key.
fn unauthorized(fact: &str, text: &str, miner: &Miner) -> Finding {
    let (key, account) = (miner.public_key(), miner.account());
    let figure = match key {
        "" => format!("{fact}; no key was sent"),
        _ if account.strip_prefix("k:") == Some(key) => fact.to_owned(),
        _ => format!("{fact}; the key sent was {key}"),
    };
    let mut advice = match key {
        "" => "set the key that the node mines for: --public-key KEY".to_owned(),
        _ => format!(
            "account and key must both be those of a miner in the node's configuration: set \
             --public-key and --account (some nodes have the bare key as account: --account \
             {key}), or start the node with --mining-public-key={key}"
        ),
    };
    if !text.contains("Unauthorized Miner") {
        let doubt = "a node words this differently, so something before it may refuse; if not, ";
        advice.insert_str(0, doubt);
    }
    Finding::fail(Check::Key, figure, advice)
}
