//! Whether the node opens an update stream, without which a client learns of new blocks late or
//! never.

use std::time::Instant;

use chainweb::ChainId;
use futures_util::StreamExt;
use miner::units::About;
use node::{Client, Cut, Error, Lost, NoAnswer, Refusal, UpdateEvent, Version};

use super::check::{Check, Finding};
use super::trouble::{fact, remedy};

/// Opens the stream of a chain and closes it. If it fails, the cut can replace it.
pub(super) async fn open(
    client: &Client,
    version: &Version,
    chain: ChainId,
    cut: Option<&Cut>,
) -> Finding {
    let began = Instant::now();
    let mut stream = client.updates(version, chain);
    // The client's limits bound the opening.
    let Some(UpdateEvent::Lost(Lost::Failed(error))) = stream.next().await else {
        let figure = format!("opens in {}", About(began.elapsed()));
        return Finding::ok(Check::Updates, figure);
    };
    let (figure, remedy) = (fact(&error), remedy_of(&error));
    if cut.is_some() {
        let advice = format!(
            "the client learns of new blocks from /cut instead, up to a second late: {remedy}"
        );
        Finding::warn(Check::Updates, figure, advice)
    } else {
        let advice =
            format!("without /cut and this, the client does not learn of new blocks: {remedy}");
        Finding::fail(Check::Updates, figure, advice)
    }
}

const HELD_BACK: &str = "a proxy before the node may hold the stream back (nginx: proxy_buffering \
                         off), or the node is still starting";

fn remedy_of(error: &Error) -> &'static str {
    match error {
        Error::Refused(Refusal::Busy { text, .. }) if text.contains("update streams") => {
            "all of the node's update streams are in use (2000 unless configured otherwise): end other \
             mining clients on it, or raise updateStreamLimit in its mining coordination"
        }
        Error::NoAnswer(NoAnswer::Timeout { .. }) => HELD_BACK,
        error => remedy(error),
    }
}
