//! What the hotkeys print above the live area. Pure: a snapshot in, lines out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::iter::once;
use std::time::Instant;

use chainweb::Difficulty;
use miner::history::Fate;
use miner::job::{JobId, NodeId};
use miner::telemetry::estimate::{Odds, Window};
use miner::telemetry::event::{BlockEvent, BlockRef};
use miner::telemetry::snapshot::{Device, DeviceState, NodeSnapshot};
use miner::telemetry::{Event, Snapshot, Standing, fate};
use miner::units::{About, HashRate, Prefixed};
use stratum::Rejection;

use super::area::{Pause, keys, luck, rate, window};
use crate::text::{fitted, table};

/// The most rows of a table. The others are counted.
const ROWS: usize = 40;

/// The widest first column of a table.
const NAME_COLUMNS: usize = 24;

/// The characters of the hash of a block.
const HASH_LENGTH: usize = 12;

/// Returns the keys, and all that is wrong in whole sentences.
pub(super) fn help(snapshot: &Snapshot, pause: Pause) -> Vec<String> {
    let problems = snapshot.problems.iter().map(ToString::to_string);
    let lines = once(keys(Some(snapshot), pause).join("  ")).chain(problems);
    // The terminal wraps them.
    lines.map(|line| fitted(&line, usize::MAX)).collect()
}

pub(super) fn rates(snapshot: &Snapshot, columns: usize) -> Vec<String> {
    let hashing = &snapshot.hashing;
    let mut lines = vec![format!(
        "rate: {} now, {} since the start",
        rate(hashing.present),
        rate(hashing.mean)
    )];
    if let Some(rates) = &snapshot.work.rates {
        let mut rows = [["mean of"; 6], ["rate"; 6]].map(|row| row.map(str::to_owned));
        for (at, it) in (1..).zip(Window::ALL) {
            rows[0][at] = window(it).into();
            rows[1][at] = HashRate(rates.over(it)).to_string();
        }
        lines.extend(table(&rows, columns));
    }
    if let Some(odds) = snapshot.odds() {
        let [half, most, nearly_all] =
            [0.5, 0.9, 0.99].map(|probability| About(odds.time_within(probability)));
        lines.push(format!(
            "next block: {} (mean); 50 % within {half}, 90 % {most}, 99 % {nearly_all}",
            About(odds.mean_time())
        ));
    }
    if let Some(expected) = snapshot.work.expected {
        let found = snapshot.work.found;
        let luck = luck(&snapshot.work).unwrap_or_else(|| "too early for luck".to_owned());
        lines.push(format!(
            "blocks: {found} found, {expected:.2} expected, {luck}"
        ));
    }
    if let Some(percent) = snapshot.work.stale.percent() {
        lines.push(format!("work on outdated jobs: {percent:.2} %"));
    }
    lines.iter().map(|line| fitted(line, columns)).collect()
}

pub(super) fn devices(snapshot: &Snapshot, columns: usize) -> Vec<String> {
    let Some(devices) = &snapshot.devices else {
        return vec!["devices: this worker serves none".to_owned()];
    };
    let mut sorted: Vec<&Device> = devices.each.iter().collect();
    // Bits of non-negative numbers order as the numbers do.
    sorted.sort_by_key(|device| (device.state, Reverse(device.hash_rate().map(f64::to_bits))));
    let head = [
        "device",
        "rate",
        "accepted",
        "refused",
        "stale",
        "best share",
        "last share",
    ];
    let row = |device: &&Device| {
        let stats = &device.stats;
        let last = match (device.state, stats.last_share) {
            (DeviceState::Disconnected, _) => format!("off {}", About(stats.unseen)),
            (_, Some(last)) => About(last).to_string(),
            (_, None) => "none".to_owned(),
        };
        let stale = stats.accepted_late + stats.rejections.of(Rejection::Stale);
        let best = stats.best.map(Difficulty::as_f64);
        [
            fitted(stats.name.as_str(), NAME_COLUMNS),
            device
                .hash_rate()
                .map_or("unknown".to_owned(), |rate| HashRate(rate).to_string()),
            stats.accepted.to_string(),
            stats.rejections.except_stale().to_string(),
            stale.to_string(),
            best.map_or("none".to_owned(), |best| {
                Prefixed(best).to_string().trim_end().to_owned()
            }),
            last,
        ]
    };
    list("devices", head, sorted.iter().map(row).collect(), columns)
}

pub(super) fn blocks(snapshot: &Snapshot, columns: usize) -> Vec<String> {
    let mut latest = BTreeMap::new();
    let mut finders = BTreeMap::new();
    for record in &snapshot.events {
        if let Event::Block(block, event) = &record.event {
            if let BlockEvent::Found {
                found_by: Some(name),
                ..
            } = event
            {
                finders.insert(block.job, name);
            }
            if let Some(fate) = fate(event) {
                latest.insert(block.job, (block, fate, record.at));
            }
        }
    }
    let head = ["block", "chain", "height", "state", "since", "device"];
    let row = |(job, (block, fate, at)): (&JobId, &(&BlockRef, Fate, Instant))| {
        let hash = block
            .hash
            .map_or("unknown".to_owned(), |hash| hash.to_string());
        let device = finders.get(job).map_or("", |name| name);
        [
            hash.chars().take(HASH_LENGTH).collect(),
            block.chain.to_string(),
            block.height.to_string(),
            fate.name().to_owned(),
            About(snapshot.at.saturating_duration_since(*at)).to_string(),
            fitted(device, NAME_COLUMNS),
        ]
    };
    // The newest first.
    list(
        "recent blocks",
        head,
        latest.iter().rev().map(row).collect(),
        columns,
    )
}

pub(super) fn nodes(snapshot: &Snapshot, columns: usize) -> Vec<String> {
    let head = [
        "node", "network", "latency", "clock", "behind", "first", "state",
    ];
    let counts = &snapshot.counters.nodes;
    let all: u64 = counts.iter().map(|node| node.first_events).sum();
    let row = |(id, node): (NodeId, &NodeSnapshot)| {
        let network = node.network.as_ref();
        let failure = node.failures.values().min_by_key(|failure| failure.since);
        let first = counts.get(id.0).filter(|_| all > 0);
        [
            fitted(&node.address, 2 * NAME_COLUMNS),
            network.map_or("unknown".to_owned(), |network| network.version.to_string()),
            node.latency
                .map_or("unknown".to_owned(), |latency| About(latency).to_string()),
            node.clock_skew.map_or("unknown".to_owned(), |skew| {
                format!("{:+.1} s", skew.seconds())
            }),
            snapshot
                .lag_blocks(id)
                .map_or("unknown".to_owned(), |lag| lag.to_string()),
            first.map_or("unknown".to_owned(), |node| {
                format!("{:.0} %", 100.0 * node.first_events as f64 / all as f64)
            }),
            failure.map_or_else(
                || state(snapshot, node),
                |failure| {
                    let since = snapshot.at.saturating_duration_since(failure.since);
                    format!("failing {}", About(since))
                },
            ),
        ]
    };
    let rows = (0..).map(NodeId).zip(&snapshot.nodes).map(row);
    let mut lines = if snapshot.nodes.len() > 1 {
        list("nodes", head, rows.collect(), columns)
    } else {
        // There are no others to compare it with.
        let [name, network, latency, clock, .., state] = head;
        let rows = rows.map(|[name, network, latency, clock, .., state]| {
            [name, network, latency, clock, state]
        });
        let head = [name, network, latency, clock, state];
        list("nodes", head, rows.collect(), columns)
    };
    for node in &snapshot.nodes {
        let failures = node.failures.iter();
        lines.extend(failures.map(|(request, failure)| {
            let request = format!("{request:?}").to_lowercase();
            fitted(
                &format!("{} {request}: {}", node.address, failure.error),
                columns,
            )
        }));
    }
    lines
}

/// Returns the state of a node that answers.
fn state(snapshot: &Snapshot, node: &NodeSnapshot) -> String {
    match node.standing {
        _ if snapshot.nodes.len() == 1 => "good".to_owned(),
        Standing::Ready if node.is_serving => "serving".to_owned(),
        Standing::Ready if node.is_submit_only => "submit only".to_owned(),
        standing => standing.name().replace('_', " "),
    }
}

pub(super) fn jobs(snapshot: &Snapshot, columns: usize) -> Vec<String> {
    let head = ["chain", "height", "age", "difficulty", "mean time"];
    let present = HashRate(snapshot.hashing.present.hashes_per_second());
    let rows = snapshot.jobs.iter().map(|job| {
        let difficulty = job.work.target().difficulty();
        let known = snapshot.work.expected.and(Odds::of(present, difficulty));
        [
            job.chain().to_string(),
            job.work.header().height().to_string(),
            About(snapshot.at.saturating_duration_since(job.received)).to_string(),
            Prefixed(difficulty.as_f64())
                .to_string()
                .trim_end()
                .to_owned(),
            known.map_or("unknown".to_owned(), |odds| {
                About(odds.mean_time()).to_string()
            }),
        ]
    });
    list("jobs", head, rows.collect(), columns)
}

/// Returns a table with a head, or one line that says that there is nothing in it.
fn list<const N: usize>(
    name: &str,
    head: [&str; N],
    mut rows: Vec<[String; N]>,
    columns: usize,
) -> Vec<String> {
    if rows.is_empty() {
        return vec![fitted(&format!("{name}: none"), columns)];
    }
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    rows.insert(0, head.map(str::to_owned));
    let mut lines = table(&rows, columns);
    if more > 0 {
        lines.push(fitted(&format!("and {more} more"), columns));
    }
    lines
}
