//! The examination of a node: check after check, until one fails on which all later ones depend.
//!
//! It asks a node no more than twenty things and hands nothing in. Each thing has a time limit.

use std::io;
use std::time::{Duration, Instant};

use chainweb::ChainId;
use node::{Client, Config, Cut, Error, Info, Malformed, NoAnswer};

use super::check::{Check, Finding};
use super::screen::{Flow, Screen};
use super::trouble::{fact, remedy};
use super::{mining, pace, protocol, reach, updates, work};
use miner::units::About;

/// Examines a node and puts each finding on the screen as soon as it is there.
pub(super) async fn examine(node: &Config, screen: &mut Screen<'_>) -> anyhow::Result<()> {
    let client = Client::new(node.clone())?;
    if way(node, screen).await? == Flow::Stop {
        return Ok(());
    }
    let began = Instant::now();
    let answer = client.info().await;
    let took = began.elapsed();
    if screen.show(protocol::judge(node, &answer).await)? == Flow::Stop {
        return Ok(());
    }
    let Some(info) = network(node, answer, took, screen)? else {
        return Ok(());
    };
    let cut = cut(&client, &info, screen).await?;
    if let Some(chain) = mining(&client, node, &info, cut.as_ref(), screen).await? {
        screen.show(updates::open(&client, &info.version, chain, cut.as_ref()).await)?;
    }
    screen.show(pace::clock(client.clock_skew()))?;
    screen.show(pace::round_trip(&client, info.block_delay).await)?;
    Ok(())
}

/// Name and connection.
async fn way(node: &Config, screen: &mut Screen<'_>) -> io::Result<Flow> {
    if let Some(proxy) = node.endpoint.proxy() {
        let why = format!("requests go through the proxy {proxy} of the environment");
        screen.show(Finding::skipped(Check::Name, &why))?;
        return screen.show(Finding::skipped(Check::Connection, "so do connections"));
    }
    let limit = node.limits.connect;
    let (finding, addresses) = reach::resolve(&node.endpoint, limit).await;
    match screen.show(finding)? {
        Flow::Stop => Ok(Flow::Stop),
        Flow::GoOn => screen.show(reach::connect(&addresses, limit).await),
    }
}

/// `/info` and what it says.
fn network(
    node: &Config,
    answer: Result<Info, Error>,
    took: Duration,
    screen: &mut Screen<'_>,
) -> io::Result<Option<Info>> {
    let answers = || Finding::ok(Check::Info, format!("answers in {}", About(took)));
    match answer {
        Ok(info) => {
            screen.show(answers())?;
            let chains = match info.chains.len() {
                0 => "chains not told".to_owned(),
                1 => "1 chain".to_owned(),
                count => format!("{count} chains"),
            };
            let release = info.package_version.as_deref();
            let release = release.unwrap_or("before 2.24.1, as it does not tell its release");
            let figure = format!("{}, {chains}, chainweb-node {release}", info.version);
            screen.show(Finding::ok(Check::Network, figure))?;
            Ok(Some(info))
        }
        Err(Error::Malformed(Malformed::Version(wrong))) => {
            screen.show(answers())?;
            let advice = "no chainweb network has such a name: is --node the service API of a chainweb node, with \
                          nothing in between that changes its answers?";
            screen.show(Finding::fail(Check::Network, wrong.to_string(), advice))?;
            Ok(None)
        }
        Err(error) => {
            let finding = match (&error, node.endpoint.proxy()) {
                (Error::NoAnswer(NoAnswer::Connect { .. }), Some(proxy)) => {
                    let advice = format!(
                        "the proxy {proxy} of the environment, or the node behind it, takes no connection: is it right \
                         and running? NO_PROXY names the hosts that need none"
                    );
                    Finding::fail(Check::Info, fact(&error), advice)
                }
                _ => Finding::fail(Check::Info, fact(&error), remedy(&error)),
            };
            screen.show(finding)?;
            Ok(None)
        }
    }
}

async fn cut(client: &Client, info: &Info, screen: &mut Screen<'_>) -> io::Result<Option<Cut>> {
    match client.cut(&info.version).await {
        Ok(cut) => {
            screen.show(Finding::ok(Check::Cut, heights(&cut)))?;
            Ok(Some(cut))
        }
        Err(error) => {
            let advice = format!(
                "blocks can be mined all the same, but it cannot be told whether they are accepted: {}",
                remedy(&error)
            );
            screen.show(Finding::warn(Check::Cut, fact(&error), advice))?;
            Ok(None)
        }
    }
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

/// Asks for work; gives a chain to listen to if mining is there at all.
async fn mining(
    client: &Client,
    node: &Config,
    info: &Info,
    cut: Option<&Cut>,
    screen: &mut Screen<'_>,
) -> io::Result<Option<ChainId>> {
    let began = Instant::now();
    match client.work(&info.version, None).await {
        Ok(given) => {
            let took = began.elapsed();
            screen.show(mining::on())?;
            screen.show(mining::accepted(&node.miner))?;
            screen.show(work::judge(client, info, cut, &given, took).await)?;
            Ok(Some(given.chain()))
        }
        Err(error) => {
            let mut chain = info.chains.first().copied().or(Some(ChainId::new(0)));
            for finding in mining::refused(&error, &node.miner, cut) {
                let is_api = finding.check == Check::MiningApi;
                if screen.show(finding)? == Flow::Stop && is_api {
                    chain = None;
                }
            }
            Ok(chain)
        }
    }
}
