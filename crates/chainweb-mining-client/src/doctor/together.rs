//! The nodes in comparison: whether they are of one network and have as many blocks, and could take
//! each other's solutions. Forks are left to the coordinator.

use std::io::{self, Write};

use chainweb::{ChainId, Work};
use futures_util::future::{join, join_all};
use miner::timing::Timing;
use node::{Client, Config, Info, Progress};
use serde::Serialize;
use tokio::time::sleep;

use super::check::State;
use super::{Form, screen};
use crate::flags::second_names;
use crate::networks::{fork_state, knows_fork};

/// How often two nodes are asked for work until both build on the same block.
const TRIES: usize = 5;

/// What a comparison says of a node.
#[derive(Debug, Serialize)]
struct Row {
    node: String,
    is_submit_only: bool,
    state: State,
    figure: String,
    advice: Option<&'static str>,
}

/// All of them.
#[derive(Serialize)]
struct Report<'a> {
    nodes: &'a [Row],
}

/// A node that answers.
struct Known {
    at: usize,
    client: Client,
    info: Info,
}

/// Compares the nodes, of which those from the position `issuers` only insure, and prints the
/// result. Returns the worst state.
pub(super) async fn compare(
    nodes: &[Config],
    issuers: usize,
    out: &mut dyn Write,
    form: Form,
) -> anyhow::Result<State> {
    let mut rows: Vec<Row> = (0..)
        .zip(nodes)
        .map(|(at, node): (usize, _)| Row {
            node: node.endpoint.to_string(),
            is_submit_only: at >= issuers,
            state: State::Skipped,
            figure: "not compared: does not answer".to_owned(),
            advice: None,
        })
        .collect();
    let second = second_names(nodes).await;
    let mut known = Vec::new();
    for at in 0..nodes.len() {
        if let Some((_, earlier)) = second.iter().find(|(second, _)| *second == at) {
            let figure = format!(
                "is the same node as {}, and used once",
                nodes[*earlier].endpoint
            );
            rows[at].says(State::Warn, figure, "leave one of the two names out");
            continue;
        }
        let client = Client::new(nodes[at].clone())?;
        if let Ok(info) = client.info().await {
            known.push(Known { at, client, info });
        }
    }
    judge(known, &mut rows).await;
    print(&rows, out, form)?;
    let states = rows.iter().map(|row| row.state);
    Ok(states.max().unwrap_or(State::Skipped))
}

/// Judges the nodes that answer. The first is that of the network.
async fn judge(mut known: Vec<Known>, rows: &mut [Row]) {
    let Some(network) = known.first().map(|node| node.info.clone()) else {
        return;
    };
    known.retain(|node| {
        let figure = difference(&node.info, &network);
        if let Some(figure) = &figure {
            let advice = "all nodes have to be of one network: leave this one out, or the others";
            rows[node.at].says(State::Fail, figure.clone(), advice);
        }
        figure.is_none()
    });
    let before = join_all(known.iter().map(progress)).await;
    sleep(Timing::default().behind).await;
    let after = join_all(known.iter().map(progress)).await;
    let ahead = |a: Progress, b: Progress| if b.is_ahead_of(&a) { b } else { a };
    let best = before.into_iter().flatten().reduce(ahead);
    let behind = after.iter().map(|own| {
        let pair = best.zip(*own);
        pair.is_some_and(|(best, own)| best.is_ahead_of(&own))
    });
    let forks = join_all(known.iter().map(fork)).await;
    let newest = forks.iter().flatten().copied().max().unwrap_or(0);
    let first = &known[0];
    for ((node, is_behind), own) in known.iter().zip(behind).zip(forks) {
        let row = &mut rows[node.at];
        let is_left = own.is_some_and(|own| own < newest);
        if is_left && (is_behind || knows_fork(&node.info, newest) == Some(false)) {
            let figure = format!(
                "is at fork {}, and the network at fork {newest}",
                own.unwrap_or(0)
            );
            let advice = "the node stopped at the network's last fork: upgrade it";
            row.says(State::Fail, figure, advice);
            continue;
        }
        let mut figure = match payload(first, node).await {
            _ if node.at == first.at => "is the one that the others are compared with".to_owned(),
            Payload::Same => "has the same payload as the first: insures its jobs".to_owned(),
            Payload::Other => "has another payload than the first for the same parent: does not \
                               insure its jobs"
                .to_owned(),
            Payload::OtherNetwork => {
                let advice = "something between here and the node mixes answers of two networks";
                let figure = "its work is of another network than that of the first".to_owned();
                row.says(State::Fail, figure, advice);
                continue;
            }
            Payload::Unknown => {
                "issues no work on the block of the first: whether it insures is unknown".to_owned()
            }
        };
        row.state = State::Ok;
        if is_behind {
            figure = format!("lacks blocks that another node has had for seconds; {figure}");
            let advice =
                "look at its peers, its disk and its load; it is not mined on while behind";
            row.says(State::Warn, figure, advice);
        } else {
            row.figure = figure;
        }
    }
}

/// Returns in words why a node is not of the network.
fn difference(own: &Info, network: &Info) -> Option<String> {
    let (own_chains, chains) = (own.chains.len(), network.chains.len());
    if own.version != network.version {
        let (own, network) = (&own.version, &network.version);
        Some(format!("serves another network: {own}, not {network}"))
    } else if own_chains > 0 && chains > 0 && own.chains != network.chains {
        Some(format!(
            "names other chains of the network: {own_chains}, not {chains}"
        ))
    } else {
        None
    }
}

/// Returns the fork number of the next block of a node.
async fn fork(node: &Known) -> Option<u32> {
    let work = work(node, None).await?;
    Some(fork_state(work.header())?.number())
}

async fn progress(node: &Known) -> Option<Progress> {
    let cut = node.client.cut(&node.info.version).await;
    cut.ok().map(|cut| cut.progress())
}

/// The payload of a node in comparison with that of another one.
enum Payload {
    Same,
    Other,
    OtherNetwork,
    Unknown,
}

/// Compares the payloads of two nodes on one block.
async fn payload(first: &Known, node: &Known) -> Payload {
    for _ in 0..TRIES {
        let Some(work) = work(first, None).await else {
            break;
        };
        let chain = Some(work.chain());
        // Both at the same time: a block may come in between.
        let works = join(self::work(first, chain), self::work(node, chain)).await;
        let (Some(one), Some(other)) = works else {
            break;
        };
        let (one, other) = (one.header(), other.header());
        if one.version_code() != other.version_code() {
            return Payload::OtherNetwork;
        }
        if one.chain() == other.chain() && one.parent() == other.parent() {
            return if one.payload_hash() == other.payload_hash() {
                Payload::Same
            } else {
                Payload::Other
            };
        }
    }
    Payload::Unknown
}

async fn work(node: &Known, chain: Option<ChainId>) -> Option<Work> {
    node.client.work(&node.info.version, chain).await.ok()
}

impl Row {
    fn says(&mut self, state: State, figure: String, advice: &'static str) {
        (self.state, self.figure, self.advice) = (state, figure, Some(advice));
    }
}

fn print(rows: &[Row], out: &mut dyn Write, form: Form) -> io::Result<()> {
    if form == Form::Json {
        let report = Report { nodes: rows };
        return writeln!(out, "{}", serde_json::to_string(&report)?);
    }
    writeln!(out, "\nthe nodes together\n")?;
    for row in rows {
        let role = if row.is_submit_only {
            " (submit only)"
        } else {
            ""
        };
        let text = format!("{}{role} {}", row.node, row.figure);
        out.write_all(screen::paragraph(form, row.state, &text, row.advice).as_bytes())?;
    }
    out.flush()
}
