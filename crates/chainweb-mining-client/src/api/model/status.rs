//! The state of the program.

use miner::meter::Rate;
use miner::telemetry::Snapshot;
use miner::telemetry::snapshot::{DeviceState, Payee};
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;
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
    /// The account that receives the rewards of blocks, if there is one.
    account: Option<String>,
    /// Whether blocks are remembered beyond the end of the program.
    is_history_kept: bool,
    /// When the program started.
    started_unix_ms: i64,
    /// The figures at this moment.
    #[serde(flatten)]
    figures: Figures,
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
    blocks: Blocks,
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
struct Blocks {
    /// Found.
    found: u64,
    /// Not answered by the node yet.
    open: u64,
    /// Taken by the node.
    submitted: u64,
    /// In the cut of the node.
    accepted: u64,
    /// Replaced by another block.
    orphaned: u64,
    /// Taken, and not looked up yet.
    pending: u64,
    /// Taken, and never seen in the cut.
    unknown: u64,
    /// Too late: the node no longer had the work.
    stale: u64,
    /// Refused.
    rejected: u64,
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
    pub(crate) fn new(snapshot: &Snapshot, worker: &str, clock: &Clock, figures: Figures) -> Self {
        let started = snapshot.at.checked_sub(snapshot.elapsed);
        Self {
            version: snapshot.program.version.to_owned(),
            worker: worker.to_owned(),
            account: match &snapshot.program.payee {
                Payee::Account(account) => Some(account.clone()),
                Payee::NoKey | Payee::Simulated => None,
            },
            is_history_kept: snapshot.is_kept,
            started_unix_ms: clock.unix_ms(started.unwrap_or(snapshot.at)),
            figures,
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
            blocks: Blocks {
                found: counters.solutions,
                open: counters.solutions_open,
                submitted: counters.solutions_submitted,
                accepted: counters.blocks.accepted,
                orphaned: counters.blocks.orphaned,
                pending: counters.blocks.pending,
                unknown: counters.blocks.unknown,
                stale: counters.solutions_stale,
                rejected: counters.solutions_rejected,
            },
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

fn rate(rate: Rate) -> (&'static str, Option<f64>) {
    match rate {
        Rate::Hashed(rate) => ("hashed", Some(rounded(rate.0))),
        Rate::Simulated(rate) => ("simulated", Some(rounded(rate.0))),
        Rate::None => ("none", None),
        Rate::Unknown => ("unknown", None),
    }
}
