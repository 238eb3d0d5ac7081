//! The state of the program.

use std::collections::BTreeMap;
use std::time::Duration;

use miner::history::Fate;
use miner::meter::Rate;
use miner::telemetry::estimate::{DAY, Luck, MONTH, Odds, WEEK, YEAR};
use miner::telemetry::problem::Problem;
use miner::telemetry::snapshot::{DeviceState, Payee};
use miner::telemetry::{Snapshot, variant};
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;
use super::worker::HashRates;
use crate::api::clock::Clock;
use crate::api::ready::Readiness;

/// The state of the program.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// The version of the program.
    version: String,
    /// The kind of worker: `cpu`, `stratum`, `external`, `simulation`, `constant-delay` or
    /// `on-demand`.
    worker: String,
    /// The port for mining devices; `null` unless the worker is the Stratum server.
    stratum_port: Option<u16>,
    /// The account that receives the rewards of blocks, if there is one.
    account: Option<String>,
    /// Whether blocks are remembered beyond the end of the program.
    is_history_kept: bool,
    /// When the program started.
    started_unix_ms: i64,
    /// What costs work or blocks, the worst first.
    problems: Vec<StatusProblem>,
    /// The figures at this moment.
    #[serde(flatten)]
    figures: Figures,
}

/// Something that costs work or blocks.
#[derive(Debug, Serialize, ToSchema)]
struct StatusProblem {
    /// Its kind, such as `node_down`.
    kind: String,
    /// `stopped`: nothing is earned while it lasts; `losing`: some work or blocks are lost.
    severity: String,
    /// The node, the devices in the order of their names, or nothing for the program itself.
    subjects: Vec<String>,
    /// What is wrong: a sentence that names the subject.
    what: String,
    /// What to do about it: a sentence.
    remedy: String,
    /// The hash rate that is lost, where that is known.
    lost_hash_rate: Option<f64>,
    /// The blocks that it would find in a day on average.
    lost_blocks_per_day: Option<f64>,
}

/// Figures that change from second to second.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Figures {
    /// The number of the snapshot in this run: one more about every second.
    snapshot: u64,
    /// When it was made.
    time_unix_ms: i64,
    /// The time since the start of the program.
    uptime_seconds: f64,
    /// Whether it is ready to mine, as in `/readyz`.
    #[serde(flatten)]
    readiness: Readiness,
    /// How fast the worker hashes.
    hash_rate: HashRate,
    /// The numbers of blocks in this run.
    blocks: BlockCounts,
    /// The work of this run.
    work: Work,
    /// When the next block comes at the present rate; `null` if hashes are not known.
    next_block: Option<NextBlock>,
    /// The hash rate of the network, from the difficulty of its chains.
    network_hash_rate: Option<f64>,
    /// The number of live jobs.
    jobs: usize,
    /// The numbers of mining devices; `null` unless the worker is the Stratum server.
    devices: Option<DeviceCounts>,
}

/// How fast the worker hashes.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct HashRate {
    /// `hashed`, `simulated`, `none` (blocks do not come from hashing) or `unknown`.
    kind: String,
    /// The present rate: over ten seconds where hashes are counted, over 15 minutes where devices
    /// report shares.
    present: Option<f64>,
    /// The mean since the start; with devices over their last day.
    mean: Option<f64>,
}

/// The numbers of blocks in this run.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct BlockCounts {
    /// Found.
    found: u64,
    /// Not answered by the node yet.
    open: u64,
    /// Taken by the node.
    submitted: u64,
    /// In the cut of the node.
    accepted: u64,
    /// Taken, and another block stands in its place for now.
    displaced: u64,
    /// Replaced by another block for good.
    orphaned: u64,
    /// Taken, and not looked up yet.
    pending: u64,
    /// Taken, and never seen in the cut.
    unknown: u64,
    /// Too late: the node no longer had the work.
    stale: u64,
    /// Refused.
    rejected: u64,
    /// The numbers of blocks that reached each fate, those of earlier runs included that were
    /// settled in this one. A block that comes to another fate is counted in both.
    #[schema(value_type = HashMap<String, u64>)]
    by_fate: BTreeMap<&'static str, u64>,
}

/// The work of this run. What is not known is `null`.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Work {
    /// Expected blocks: all hashes, each over the difficulty of its job.
    expected_blocks: Option<f64>,
    /// Expected blocks since the last confirmed one was found, in this run or an earlier one: 1 on
    /// average.
    effort: Option<f64>,
    /// The same since the last block was found that is confirmed or may be yet.
    effort_since_found: Option<f64>,
    /// Blocks found per expected block, once one was expected.
    luck: Option<f64>,
    /// The interval that contains the true mean of luck with 95 %: its ends.
    luck_interval: Option<[f64; 2]>,
    /// Hashes on outdated jobs.
    stale_hashes: Option<f64>,
    /// The same in per cent of all hashes.
    stale_percent: Option<f64>,
    /// All hashes over windows of time.
    hash_rates: Option<HashRates>,
}

/// When the next block comes, counted from any moment.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct NextBlock {
    /// The mean time.
    mean_seconds: f64,
    /// The time within which it comes with 50, 90 and 99 %.
    quantiles_seconds: [f64; 3],
    /// The probability of a block in a day, a week, 30 days and a year, from 0 to 1.
    probabilities: [f64; 4],
}

/// The numbers of mining devices.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
struct DeviceCounts {
    /// Connected.
    active: usize,
    /// Connected, but without shares for far too long.
    silent: usize,
    /// Connected before, and not now.
    disconnected: usize,
}

impl Status {
    pub(crate) fn new(
        snapshot: &Snapshot,
        (worker, stratum_port): (&str, Option<u16>),
        clock: &Clock,
        figures: Figures,
    ) -> Self {
        let started = snapshot.at.checked_sub(snapshot.elapsed);
        Self {
            version: snapshot.program.version.to_owned(),
            worker: worker.to_owned(),
            stratum_port,
            account: match &snapshot.program.payee {
                Payee::Account(account) => Some(account.clone()),
                Payee::NoKey | Payee::Simulated => None,
            },
            is_history_kept: snapshot.is_kept,
            problems: snapshot.problems.iter().map(Into::into).collect(),
            started_unix_ms: clock.unix_ms(started.unwrap_or(snapshot.at)),
            figures,
        }
    }
}

impl From<&Problem> for StatusProblem {
    fn from(problem: &Problem) -> Self {
        let lost = problem.lost.as_ref();
        Self {
            kind: problem.kind.name(),
            severity: variant(problem.severity),
            subjects: problem.subjects.clone(),
            what: problem.what.clone(),
            remedy: problem.remedy.clone(),
            lost_hash_rate: lost.map(|lost| rounded(lost.rate.0)),
            lost_blocks_per_day: lost.and_then(|lost| lost.blocks_per_day).map(rounded),
        }
    }
}

impl Figures {
    pub(crate) fn new(
        sequence: u64,
        snapshot: &Snapshot,
        clock: &Clock,
        readiness: Readiness,
    ) -> Self {
        let hashing = &snapshot.hashing;
        let (kind, present) = rate(hashing.present);
        let counters = &snapshot.counters;
        Self {
            snapshot: sequence,
            time_unix_ms: clock.unix_ms(snapshot.at),
            uptime_seconds: rounded(snapshot.elapsed.as_secs_f64()),
            readiness,
            hash_rate: HashRate {
                kind: kind.to_owned(),
                present,
                mean: rate(hashing.mean).1,
            },
            blocks: BlockCounts {
                found: snapshot.fates.get(&Fate::Found).copied().unwrap_or(0),
                open: counters.solutions_open,
                submitted: counters.solutions_submitted,
                accepted: counters.blocks.accepted,
                displaced: counters.blocks.displaced,
                orphaned: counters.blocks.orphaned,
                pending: counters.blocks.pending,
                unknown: counters.blocks.unknown,
                stale: counters.solutions_stale,
                rejected: counters.solutions_rejected,
                by_fate: snapshot
                    .fates
                    .iter()
                    .map(|(fate, count)| (fate.name(), *count))
                    .collect(),
            },
            work: Work::new(snapshot),
            next_block: snapshot.odds().map(NextBlock::new),
            network_hash_rate: snapshot
                .network
                .as_ref()
                .and_then(|network| Some(rounded(network.total()?.0))),
            jobs: snapshot.jobs.iter().len(),
            devices: snapshot.devices.as_ref().map(|devices| {
                let mut counts = DeviceCounts::default();
                for device in &devices.each {
                    match device.state {
                        DeviceState::Active => counts.active += 1,
                        DeviceState::Silent => counts.silent += 1,
                        DeviceState::Disconnected => counts.disconnected += 1,
                    }
                }
                counts
            }),
        }
    }
}

impl Work {
    fn new(snapshot: &Snapshot) -> Self {
        let work = &snapshot.work;
        let luck = match work.luck() {
            Some(Luck::Known { ratio, interval }) => Some((ratio, interval)),
            Some(Luck::TooEarly) | None => None,
        };
        Self {
            expected_blocks: work.expected.map(rounded),
            effort: work.effort.map(rounded),
            effort_since_found: work.effort_since_found.map(rounded),
            luck: luck.map(|(ratio, _)| rounded(ratio)),
            luck_interval: luck.map(|(_, ends)| [rounded(ends.low), rounded(ends.high)]),
            stale_hashes: work.stale.hashes().map(rounded),
            stale_percent: work.stale.percent().map(rounded),
            hash_rates: work.rates.as_ref().map(HashRates::new),
        }
    }
}

impl NextBlock {
    fn new(odds: Odds) -> Self {
        let seconds = |time: Duration| rounded(time.as_secs_f64());
        Self {
            mean_seconds: seconds(odds.mean_time()),
            quantiles_seconds: [0.5, 0.9, 0.99].map(|part| seconds(odds.time_within(part))),
            probabilities: [DAY, WEEK, MONTH, YEAR].map(|time| rounded(odds.probability(time))),
        }
    }
}

fn rate(rate: Rate) -> (&'static str, Option<f64>) {
    match rate {
        Rate::Hashed(rate) => ("hashed", Some(rounded(rate.0))),
        Rate::Simulated(rate) => ("simulated", Some(rounded(rate.0))),
        Rate::None => ("none", None),
        Rate::Unknown => ("unknown", None),
    }
}
