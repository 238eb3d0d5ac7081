//! The examination of a node: the checks one by one, until one fails on which all later ones
//! depend.
//!
//! It sends less than fifty requests, each with a time limit, and submits nothing.

use std::io;
use std::time::{Duration, Instant};

use chainweb::{Adjacents, ChainId};
use miner::units::About;
use node::{Client, Config, Cut, Error, Info, Malformed, NoAnswer};

use super::check::{Check, Finding, State};
use super::screen::Screen;
use super::trouble::{fact, remedy};
use super::{forks, mining, pace, protocol, reach, sameness, updates, work};
use crate::networks::{release_in_words, upgrade};

/// Examines a node and prints each finding at once.
pub(super) async fn examine(node: &Config, screen: &mut Screen<'_>) -> anyhow::Result<()> {
    let client = Client::new(node.clone())?;
    if reach(node, screen).await? == State::Fail {
        return Ok(());
    }
    let start = Instant::now();
    let answer = client.info().await;
    let took = start.elapsed();
    if screen.show(protocol::judge(node, &answer).await)? == State::Fail {
        return Ok(());
    }
    let Some(info) = network(node, answer, took, screen)? else {
        return Ok(());
    };
    let cut = cut(&client, &info, screen).await?;
    let chain = mining(&client, node, &info, cut.as_ref(), screen).await?;
    if let Some(chain) = chain {
        screen.show(updates::open(&client, &info.version, chain, cut.as_ref()).await)?;
    }
    screen.show(pace::clock(client.clock_skew()))?;
    screen.show(pace::round_trip(&client, info.block_delay).await)?;
    screen.show(sameness::compare(&client, &info, chain).await)?;
    Ok(())
}

/// Checks name and connection; returns the state of the last check.
async fn reach(node: &Config, screen: &mut Screen<'_>) -> io::Result<State> {
    if let Some(proxy) = node.endpoint.proxy() {
        let why = format!("requests go through the proxy {proxy}");
        screen.show(Finding::skipped(Check::Name, &why))?;
        return screen.show(Finding::skipped(Check::Connection, "so do connections"));
    }
    let limit = node.limits.connect;
    let (finding, addresses) = reach::resolve(&node.endpoint, limit).await;
    match screen.show(finding)? {
        State::Fail => Ok(State::Fail),
        _ => screen.show(reach::connect(&addresses, limit).await),
    }
}

/// Checks `/info` and the network. Returns `None` if one of them failed.
fn network(
    node: &Config,
    answer: Result<Info, Error>,
    took: Duration,
    screen: &mut Screen<'_>,
) -> io::Result<Option<Info>> {
    let answers = Finding::ok(Check::Info, format!("answers in {}", About(took)));
    let finding = match (&answer, node.endpoint.proxy()) {
        (Ok(info), _) => {
            screen.show(answers)?;
            match upgrade(info) {
                Some(advice) => Finding::warn(Check::Network, description(info), advice),
                None => Finding::ok(Check::Network, description(info)),
            }
        }
        (Err(Error::Malformed(Malformed::Version(name))), _) => {
            screen.show(answers)?;
            let advice = "no chainweb network has such a name: is --node the service API of a \
                          chainweb node, with nothing in between that changes its answers?";
            Finding::fail(Check::Network, name.to_string(), advice)
        }
        (Err(error @ Error::NoAnswer(NoAnswer::Connect { .. })), Some(proxy)) => {
            let advice = format!(
                "the proxy {proxy}, or the node behind it, accepts no connection: is it right and \
                 running, and does it let this through? no_proxy lists the hosts that need none"
            );
            Finding::fail(Check::Info, fact(error), advice)
        }
        (Err(error), _) => Finding::fail(Check::Info, fact(error), remedy(error)),
    };
    screen.show(finding)?;
    Ok(answer.ok())
}

fn description(info: &Info) -> String {
    let chains = match info.chains.len() {
        0 => "unknown chains".to_owned(),
        1 => "1 chain".to_owned(),
        count => format!("{count} chains"),
    };
    format!("{}, {chains}, {}", info.version, release_in_words(info))
}

async fn cut(client: &Client, info: &Info, screen: &mut Screen<'_>) -> io::Result<Option<Cut>> {
    let answer = client.cut(&info.version).await;
    screen.show(match &answer {
        Ok(cut) => Finding::ok(Check::Cut, heights(cut)),
        Err(error) => {
            let remedy = remedy(error);
            let advice = format!("mining works, but acceptance cannot be checked: {remedy}");
            Finding::warn(Check::Cut, fact(error), advice)
        }
    })?;
    Ok(answer.ok())
}

fn heights(cut: &Cut) -> String {
    let heights = || cut.tips.values().map(|tip| tip.height);
    match (heights().min(), heights().max()) {
        (Some(low), Some(high)) if low < high => {
            format!("the chains are at heights {low} to {high}")
        }
        (Some(height), _) => format!("all chains are at height {height}"),
        _ => "without a chain".to_owned(),
    }
}

/// Checks mining API, key, work and fork votes by one request for work. Returns a chain for the
/// update stream, or `None` without a mining API.
async fn mining(
    client: &Client,
    node: &Config,
    info: &Info,
    cut: Option<&Cut>,
    screen: &mut Screen<'_>,
) -> io::Result<Option<ChainId>> {
    let start = Instant::now();
    match client.work(&info.version, None).await {
        Ok(work) => {
            let took = start.elapsed();
            let is_evm = info.is_evm || matches!(work.header().adjacents(), Adjacents::Hashed);
            screen.show(mining::on())?;
            screen.show(mining::key(&node.miner, is_evm))?;
            let (finding, parent) = work::judge(client, info, cut, &work, took).await;
            let forks = match screen.show(finding)? {
                State::Fail => forks::of_cut(client, info, cut).await,
                _ => forks::judge(info, work.header(), parent.as_ref()),
            };
            screen.show(forks)?;
            Ok(Some(work.chain()))
        }
        Err(error) => {
            let mut chain = info.chains.first().copied().or(Some(ChainId::new(0)));
            for finding in mining::refused(&error, &node.miner, info, cut) {
                let check = finding.check;
                if screen.show(finding)? == State::Fail && check == Check::MiningApi {
                    chain = None;
                }
            }
            screen.show(forks::of_cut(client, info, cut).await)?;
            Ok(chain)
        }
    }
}
