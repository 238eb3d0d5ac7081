//! The mining devices, by their worker names.

use miner::telemetry::estimate::{ExpectedRate, Rates, Window};
use miner::telemetry::snapshot::Device;
use miner::telemetry::{Snapshot, variant};
use serde::Serialize;
use stratum::Rejection;
use utoipa::ToSchema;

use super::rounded;
use crate::api::clock::Clock;

/// The mining devices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Workers {
    /// The number of the snapshot: messages of the stream with a larger number are later.
    snapshot: u64,
    /// The devices in the order of their names; none unless the worker is the Stratum server.
    workers: Vec<Worker>,
}

/// A mining device, by its worker name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Worker {
    /// Its name: text that a stranger has chosen.
    name: String,
    /// `active`, `silent` (connected, but no shares for far too long) or `disconnected`.
    state: String,
    /// The agent that it sent when it last connected.
    agent: Option<String>,
    /// The address that it last connected from.
    address: Option<String>,
    /// The number of its connections.
    sessions: u32,
    /// When it connected for the first time in this run.
    first_seen_unix_ms: i64,
    /// When it was last connected or sent a share; now, while it is connected.
    last_seen_unix_ms: i64,
    /// When its last share was accepted.
    last_share_unix_ms: Option<i64>,
    /// Its present hash rate: 0 unless it is connected; `null` where shares are blocks.
    hash_rate: Option<f64>,
    /// Its hash rates, estimated from the difficulty of accepted shares. Time without a connection
    /// counts. `null` where shares are blocks.
    hash_rates: Option<HashRates>,
    /// The hash rate that it should have, if that is known.
    expected_hash_rate: Option<f64>,
    /// Whether that is `configured`, or `usual`: its own median of the last 7 days.
    expected_hash_rate_source: Option<&'static str>,
    /// The blocks expected of its accepted shares; `null` where shares are blocks.
    expected_blocks: Option<f64>,
    /// The share difficulty in leading zero bits; `null` before the first, and where only blocks
    /// are asked for.
    difficulty_bits: Option<u32>,
    /// The sum of the difficulties of accepted shares.
    accepted_difficulty: f64,
    /// Its shares.
    shares: Shares,
    /// The difficulty of its best share.
    best_share_difficulty: Option<f64>,
    /// The same since it last connected.
    session_best_share_difficulty: Option<f64>,
    /// The number of its shares that were blocks.
    blocks_found: u64,
}

/// Hash rates over windows of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HashRates {
    minute: f64,
    quarter_hour: f64,
    hour: f64,
    day: f64,
    week: f64,
}

/// The numbers of shares in this run, by result.
#[derive(Debug, Serialize, ToSchema)]
struct Shares {
    /// Accepted, late ones included.
    accepted: u64,
    /// Of these, shares for work that was retired just before.
    accepted_late: u64,
    /// Refused: the work was retired before.
    stale: u64,
    /// Refused: the job is unknown or too old.
    unknown_job: u64,
    /// Refused: sent before.
    duplicate: u64,
    /// Refused: the hash is above the share target.
    low_difficulty: u64,
    /// Refused: not a nonce.
    malformed: u64,
    /// Refused: the device has not subscribed.
    not_subscribed: u64,
    /// Refused: the device has not logged in.
    unauthorized: u64,
}

impl Workers {
    pub(crate) fn new(sequence: u64, snapshot: &Snapshot, clock: &Clock) -> Self {
        let devices = snapshot.devices.iter().flat_map(|devices| &devices.each);
        let worker = |device| Worker::new(device, snapshot, clock);
        Self {
            snapshot: sequence,
            workers: devices.map(worker).collect(),
        }
    }
}

impl Worker {
    pub(crate) fn new(device: &Device, snapshot: &Snapshot, clock: &Clock) -> Self {
        let stats = &device.stats;
        let at = snapshot
            .devices
            .as_ref()
            .map_or(snapshot.at, |devices| devices.at);
        let ago = |time| clock.unix_ms(at.checked_sub(time).unwrap_or(at));
        let refused = |reason| stats.rejections.of(reason);
        let expected = device.expected_rate.map(|rate| match rate {
            ExpectedRate::Configured(rate) => ("configured", rounded(rate.0)),
            ExpectedRate::Usual(rate) => ("usual", rounded(rate.0)),
        });
        Self {
            name: stats.name.as_str().to_owned(),
            state: variant(device.state),
            agent: stats.agent.as_deref().map(str::to_owned),
            address: stats.peer.map(|peer| peer.to_canonical().to_string()),
            sessions: stats.sessions,
            first_seen_unix_ms: ago(stats.since),
            last_seen_unix_ms: ago(stats.unseen),
            last_share_unix_ms: stats.last_share.map(ago),
            hash_rate: device.hash_rate().map(rounded),
            hash_rates: device.rates.as_ref().map(HashRates::new),
            expected_hash_rate: expected.map(|(_, rate)| rate),
            expected_hash_rate_source: expected.map(|(source, _)| source),
            expected_blocks: device.expected.map(rounded),
            difficulty_bits: stats.level.map(|level| level.bits().into()),
            accepted_difficulty: rounded(stats.credited),
            shares: Shares {
                accepted: stats.all_accepted(),
                accepted_late: stats.accepted_late,
                stale: refused(Rejection::Stale),
                unknown_job: refused(Rejection::UnknownJob),
                duplicate: refused(Rejection::Duplicate),
                low_difficulty: refused(Rejection::LowDifficulty),
                malformed: refused(Rejection::Malformed),
                not_subscribed: refused(Rejection::NotSubscribed),
                unauthorized: refused(Rejection::Unauthorized),
            },
            best_share_difficulty: stats.best.map(|best| rounded(best.as_f64())),
            session_best_share_difficulty: stats.best_of_session.map(|best| rounded(best.as_f64())),
            blocks_found: stats.blocks,
        }
    }
}

impl HashRates {
    pub(crate) fn new(rates: &Rates) -> Self {
        let over = |window| rounded(rates.over(window));
        Self {
            minute: over(Window::Minute),
            quarter_hour: over(Window::QuarterHour),
            hour: over(Window::Hour),
            day: over(Window::Day),
            week: over(Window::Week),
        }
    }
}
