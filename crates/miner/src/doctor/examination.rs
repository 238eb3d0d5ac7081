//! The examination of a node: check after check, until one fails on which all later ones depend.
//!
//! It asks a node no more than twenty things and hands nothing in. Each thing has a time limit.

use std::io;
use std::time::{Duration, Instant};

use chainweb::{Adjacents, BlockHash, ChainId, Work};
use futures_util::StreamExt;
use node::{Client, Config, Cut, Error, Info, Lost, Malformed, Refusal, UpdateEvent};
use tokio::time::timeout;

use super::check::{Check, Finding, State};
use super::mining;
use super::screen::Screen;
use super::trouble::{fact, remedy};
use super::{protocol, reach};
use crate::run::status::SKEW_TOLERATED;
use crate::units::{About, Prefixed};

/// Round trips that are measured.
const ROUND_TRIPS: usize = 5;

/// The share of a chain's blocks that comes too late because of the round trip from which on it is worth a word.
const LATE_SHARE: f64 = 0.02;

/// What a node that does not tell is taken for: every public network has this.
const BLOCK_DELAY: Duration = Duration::from_secs(30);

/// Examines a node and puts each finding on the screen as soon as it is there.
pub(super) async fn examine(node: &Config, screen: &mut Screen<'_>) -> anyhow::Result<()> {
    let client = Client::new(node.clone())?;
    if !way(node, screen).await? {
        return Ok(());
    }
    let began = Instant::now();
    let answer = client.info().await;
    let took = began.elapsed();
    if !screen.show(protocol::judge(node, &answer).await)? {
        return Ok(());
    }
    let Some(info) = network(answer, took, screen)? else {
        return Ok(());
    };
    let examination = Examination {
        client: &client,
        node,
        block_delay: info.block_delay.unwrap_or(BLOCK_DELAY),
        info,
    };
    let cut = examination.cut(screen).await?;
    let works = examination.work(cut.as_ref(), screen).await?;
    if let Some(chain) = works {
        examination.updates(chain, cut.is_some(), screen).await?;
    }
    examination.clock(screen)?;
    examination.round_trip(screen).await?;
    Ok(())
}

/// Name and connection. Says whether to go on.
async fn way(node: &Config, screen: &mut Screen<'_>) -> io::Result<bool> {
    if let Some(proxy) = node.endpoint.proxy() {
        let why = format!("requests go through the proxy {proxy} of the environment");
        screen.show(Finding::skipped(Check::Name, &why))?;
        screen.show(Finding::skipped(Check::Connection, "so do connections"))?;
        return Ok(true);
    }
    let limit = node.limits.connect;
    let (finding, addresses) = reach::resolve(&node.endpoint, limit).await;
    if !screen.show(finding)? {
        return Ok(false);
    }
    screen.show(reach::connect(&addresses, limit).await)
}

/// `/info` and what it says.
fn network(
    answer: Result<Info, Error>,
    took: Duration,
    screen: &mut Screen<'_>,
) -> io::Result<Option<Info>> {
    let answers = || Finding::ok(Check::Info, format!("answers in {}", About(took)));
    match answer {
        Ok(info) => {
            screen.show(answers())?;
            let chains = match info.chains.len() {
                0 => "which chains it has it does not tell".to_owned(),
                1 => "1 chain".to_owned(),
                count => format!("{count} chains"),
            };
            let release = info
                .package_version
                .as_deref()
                .unwrap_or("of no told release");
            let figure = format!("{}, {chains}; chainweb-node {release}", info.version);
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
            screen.show(Finding::fail(Check::Info, fact(&error), remedy(&error)))?;
            Ok(None)
        }
    }
}

struct Examination<'a> {
    client: &'a Client,
    node: &'a Config,
    info: Info,
    block_delay: Duration,
}

impl Examination<'_> {
    async fn cut(&self, screen: &mut Screen<'_>) -> io::Result<Option<Cut>> {
        match self.client.cut(&self.info.version).await {
            Ok(cut) => {
                screen.show(Finding::ok(Check::Cut, heights(&cut)))?;
                Ok(Some(cut))
            }
            Err(error) => {
                let advice = format!(
                    "blocks can be mined all the same, but not whether they are accepted: {}",
                    remedy(&error)
                );
                screen.show(Finding::warn(Check::Cut, fact(&error), advice))?;
                Ok(None)
            }
        }
    }

    /// Asks for work; gives the chain to listen to if mining is there at all.
    async fn work(
        &self,
        cut: Option<&Cut>,
        screen: &mut Screen<'_>,
    ) -> io::Result<Option<ChainId>> {
        let some_chain = self.info.chains.first().copied().unwrap_or(ChainId::new(0));
        let began = Instant::now();
        match self.client.work(&self.info.version, None).await {
            Ok(work) => {
                let took = began.elapsed();
                screen.show(mining::on())?;
                screen.show(mining::accepted(&self.node.miner))?;
                screen.show(self.given(&work, took, cut).await)?;
                Ok(Some(work.chain()))
            }
            Err(error) => {
                let given = match cut {
                    Some(_) => mining::Cut::Given,
                    None => mining::Cut::NotGiven,
                };
                let findings = mining::refused(&error, &self.node.miner, given);
                let is_there = findings
                    .iter()
                    .all(|finding| finding.check != Check::MiningApi || finding.state == State::Ok);
                for finding in findings {
                    screen.show(finding)?;
                }
                Ok(is_there.then_some(some_chain))
            }
        }
    }

    /// The work that was given.
    async fn given(&self, work: &Work, took: Duration, cut: Option<&Cut>) -> Finding {
        let header = work.header();
        let figure = format!(
            "chain {}, height {}, {}hashes expected, in {}",
            work.chain(),
            header.height(),
            Prefixed(work.target().difficulty().as_f64()),
            About(took)
        );
        let parent = (work.chain(), header.parent());
        let parent_header = match self.block(parent).await {
            Ok(found) => found,
            Err(unknown) => return unknown,
        };
        if let Adjacents::Recorded(adjacents) = header.adjacents() {
            for (chain, block) in adjacents.iter() {
                let is_tip = cut
                    .and_then(|cut| cut.tip(chain))
                    .is_some_and(|tip| tip.hash == block);
                if !is_tip && let Err(unknown) = self.block((chain, block)).await {
                    return unknown;
                }
            }
        }
        let Some(created) = parent_header else {
            return Finding::ok(Check::Work, figure);
        };
        let age = header.creation_time().saturating_since(created);
        let figure = format!("{figure}; its parent is {} old", About(age));
        // The first block of a network stands on one that is as old as its program.
        match mining::age(age, self.block_delay).filter(|_| header.height() > 1) {
            Some(advice) => Finding::warn(Check::Work, figure, advice),
            None => Finding::ok(Check::Work, figure),
        }
    }

    /// When a block that work builds on was made, if the node tells; the finding if it does not know the block.
    async fn block(
        &self,
        (chain, block): (ChainId, BlockHash),
    ) -> Result<Option<chainweb::CreationTime>, Finding> {
        match self
            .client
            .block_header(&self.info.version, chain, block)
            .await
        {
            Ok(header) => Ok(Some(header.work().creation_time())),
            Err(Error::Refused(Refusal::UnknownBlock(_) | Refusal::NotServed { .. })) => {
                let figure = format!(
                    "the work builds on block {block} of chain {chain}, which the node does not know"
                );
                Err(Finding::fail(
                    Check::Work,
                    figure,
                    mining::CHANGED_ON_THE_WAY,
                ))
            }
            Err(_) => Ok(None),
        }
    }

    async fn updates(
        &self,
        chain: ChainId,
        cut_is_there: bool,
        screen: &mut Screen<'_>,
    ) -> io::Result<()> {
        let began = Instant::now();
        let limit = self.node.limits.updates_idle;
        let mut stream = self.client.updates(&self.info.version, chain);
        let lost = match timeout(limit, stream.next()).await {
            Ok(Some(UpdateEvent::Lost(Lost::Failed(error)))) => {
                (fact(&error), stream_remedy(&error))
            }
            Err(_) => (
                format!("does not open within {}", About(limit)),
                DOES_NOT_OPEN,
            ),
            _ => {
                let figure = format!("opens in {}", About(began.elapsed()));
                screen.show(Finding::ok(Check::Updates, figure))?;
                return Ok(());
            }
        };
        let (figure, remedy) = lost;
        screen.show(if cut_is_there {
            let advice = format!("new blocks are learnt from /cut, a second late: {remedy}");
            Finding::warn(Check::Updates, figure, advice)
        } else {
            let advice = format!("without /cut and this, new blocks are not learnt of: {remedy}");
            Finding::fail(Check::Updates, figure, advice)
        })?;
        Ok(())
    }

    fn clock(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let finding = match self.client.clock_skew() {
            None => Finding::skipped(Check::Clock, "the node does not tell its time"),
            Some(skew) => {
                if skew.exceeds(SKEW_TOLERATED) {
                    let side = if skew.seconds() > 0.0 {
                        "ahead of"
                    } else {
                        "behind"
                    };
                    let apart = About::seconds(skew.seconds().abs());
                    let figure = format!("the node's is {apart} {side} this machine's");
                    let advice = "blocks carry the node's time, and the network takes none from its future and none \
                                  from before their parents: see that the clocks of both machines are right (NTP)";
                    Finding::warn(Check::Clock, figure, advice)
                } else {
                    let most = skew
                        .most_micros()
                        .unsigned_abs()
                        .max(skew.least_micros().unsigned_abs());
                    let most = About(Duration::from_micros(most));
                    Finding::ok(
                        Check::Clock,
                        format!("the node's is within {most} of this machine's"),
                    )
                }
            }
        };
        screen.show(finding).map(drop)
    }

    /// The median of a few requests on a connection that is open.
    async fn round_trip(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut times = Vec::new();
        for _ in 0..ROUND_TRIPS {
            let began = Instant::now();
            if let Err(error) = self.client.info().await {
                screen.show(Finding::warn(
                    Check::RoundTrip,
                    fact(&error),
                    remedy(&error),
                ))?;
                return Ok(());
            }
            times.push(began.elapsed());
        }
        times.sort();
        let median = times[times.len() / 2];
        let figure = format!("{} (median of {ROUND_TRIPS})", About(median));
        let late = median.as_secs_f64() / self.block_delay.as_secs_f64();
        screen.show(if late > LATE_SHARE {
            let advice = format!(
                "about {:.0} % of the blocks come too late because of it: take a node that is nearer or less busy",
                (late * 100.0).min(100.0)
            );
            Finding::warn(Check::RoundTrip, figure, advice)
        } else {
            Finding::ok(Check::RoundTrip, figure)
        })?;
        Ok(())
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

const DOES_NOT_OPEN: &str = "a proxy before the node may hold the stream back (nginx: proxy_buffering off), or the node is still starting";

fn stream_remedy(error: &Error) -> &'static str {
    match error {
        Error::Refused(Refusal::Busy { text }) if text.contains("update streams") => {
            "all of the node's update streams are taken (2000 unless it was told otherwise): end other mining clients \
             on it, or raise updateStreamLimit in its mining coordination"
        }
        Error::NoAnswer(node::NoAnswer::Timeout { .. }) => DOES_NOT_OPEN,
        error => remedy(error),
    }
}
