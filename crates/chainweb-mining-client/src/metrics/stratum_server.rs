//! The metrics of the Stratum server and of its devices. There are none with another worker.

use std::time::{Duration, UNIX_EPOCH};

use chainweb::Difficulty;
use miner::telemetry::snapshot::{DeviceState, Devices};
use stratum::{Counts, Ending, Rejection};

use super::workers::{Worker, Workers};
use super::{Facts, Metric, Sample, metric, one};

/// The bounds of the time to send a job, in milliseconds.
const NOTIFY: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

pub(super) static METRICS: &[Metric] = &[
    metric(
        "sessions",
        &[],
        "Open connections of devices",
        "",
        |facts| server(facts, |counts| counts.connections),
    ),
    metric(
        "sessions_opened_total",
        &[],
        "Connections accepted",
        "A fast rise without more sessions: devices reconnect, see `session_disconnects_total`.",
        |facts| server(facts, |counts| counts.accepted_connections),
    ),
    metric(
        "session_disconnects_total",
        &["reason"],
        "Connections that ended, by reason",
        "`client`: closed by the device; `broken`: by the network; `slow_reader`, \
         `oversized_line`, `flood`, `not_subscribed`: by this program; `other_protocol` and \
         `refused` are no devices.",
        |facts| {
            of_server(facts, |counts| {
                let endings = Ending::ALL.into_iter().zip(counts.endings);
                endings
                    .map(|(ending, count)| Sample::new([ending.name()], count as f64))
                    .collect()
            })
        },
    ),
    metric(
        "connections_refused_total",
        &[],
        "Connections refused because of a limit or of the address of the client",
        "Alert if it rises: see `--stratum-max-connections`.",
        |facts| server(facts, |counts| counts.refused_connections),
    ),
    metric(
        "invalid_lines_total",
        &[],
        "Lines of devices that were not valid requests",
        "",
        |facts| server(facts, |counts| counts.bad_lines),
    ),
    metric(
        "notifications_skipped_total",
        &[],
        "Jobs that were replaced before a device had read them",
        "A rise: the network to the devices is slow.",
        |facts| server(facts, |counts| counts.skipped_jobs),
    ),
    metric(
        "jobs_late_total",
        &[],
        "Jobs that a device got more than 1.5 times `--stratum-rate` after the one before",
        "Alert if it rises: this machine is overloaded, and fast devices search nonces twice.",
        |facts| server(facts, |counts| counts.late_jobs),
    ),
    metric(
        "job_wait_longest_seconds",
        &[],
        "The longest time from one job of a device to the next, of those that were late; 0 if none \
         was",
        "",
        |facts| of_server(facts, |counts| one(counts.longest_wait.as_secs_f64())),
    ),
    metric(
        "notify_duration_seconds",
        &[],
        "From an event that changes the live jobs, such as a new block, to the last byte of a \
         device's next job; one for each device and change",
        "Longer ones are lost hashes: \
         `histogram_quantile(0.99, rate(chainweb_mining_notify_duration_seconds_bucket[5m]))`.",
        |facts| {
            of_server(facts, |counts| {
                vec![Sample::times([], &counts.notify, &NOTIFY)]
            })
        },
    ),
    metric(
        "shares_total",
        &["result", "reason"],
        "Shares: `accepted` for a live job (`current`) or one retired a moment ago (`late`), \
         `stale`, or `rejected`",
        "More than a per cent of `stale` ones: look at the network to the devices. `duplicate`, \
         `low_difficulty` and `malformed`: at the devices.",
        |facts| of_server(facts, shares),
    ),
    metric(
        "share_difficulty_total",
        &[],
        "The difficulty credited for accepted shares, in hashes",
        "With `--stratum-difficulty block`, where hashes are unknown, the difficulty of blocks.",
        |facts| of_server(facts, |counts| one(counts.credited)),
    ),
    metric(
        "workers",
        &["state"],
        "Workers by state: `active`, `silent` (connected, without shares for too long) or \
         `disconnected` (within the last day)",
        "Alert if `silent` is not 0.",
        |facts| {
            facts
                .snapshot
                .devices
                .as_deref()
                .map_or_else(Vec::new, states)
        },
    ),
    metric(
        "worker_shares_total",
        &["worker", "result"],
        "Shares of a worker: `accepted`, `stale` or `rejected`",
        "A worker without more `accepted` ones does not mine.",
        |facts| {
            let workers = facts.workers.iter().flat_map(Workers::iter);
            let samples = workers.flat_map(|(name, worker)| {
                let shares = worker.shares;
                [
                    Sample::new([name, "accepted"], shares.accepted as f64),
                    Sample::new([name, "stale"], shares.stale as f64),
                    Sample::new([name, "rejected"], shares.rejected as f64),
                ]
            });
            samples.collect()
        },
    ),
    metric(
        "worker_last_share_timestamp_seconds",
        &["worker"],
        "When the last accepted share of a worker came, in seconds since 1970",
        "Alert if it is long ago: \
         `time() - chainweb_mining_worker_last_share_timestamp_seconds > 600`.",
        |facts| of_workers(facts, |worker| facts.timestamp(worker.last_share?)),
    ),
    metric(
        "worker_share_difficulty",
        &["worker"],
        "The difficulty of the shares that a worker is to send, in hashes",
        "",
        |facts| of_workers(facts, |worker| Some(f64::from(worker.level?).exp2())),
    ),
    metric(
        "worker_best_share_difficulty",
        &["worker"],
        "The highest difficulty of a hash of a worker, in hashes",
        "",
        |facts| of_workers(facts, |worker| worker.best.map(Difficulty::as_f64)),
    ),
];

/// Returns values of the server, if there is one.
fn of_server(facts: &Facts, values: fn(&Counts) -> Vec<Sample<'_>>) -> Vec<Sample<'_>> {
    let devices = facts.snapshot.devices.as_deref();
    devices.map_or_else(Vec::new, |devices| values(&devices.server))
}

/// Returns a number of the server, if there is one.
fn server(facts: &Facts, count: fn(&Counts) -> u64) -> Vec<Sample<'_>> {
    let devices = facts.snapshot.devices.as_deref();
    one(devices.map(|devices| count(&devices.server) as f64))
}

fn shares(counts: &Counts) -> Vec<Sample<'_>> {
    let current = counts.accepted_shares.saturating_sub(counts.late_shares);
    let refused = Rejection::ALL.into_iter().map(|rejection| {
        let result = match rejection {
            Rejection::Stale => "stale",
            _ => "rejected",
        };
        let count = counts.rejections.of(rejection);
        Sample::new([result, rejection.name()], count as f64)
    });
    [
        Sample::new(["accepted", "current"], current as f64),
        Sample::new(["accepted", "late"], counts.late_shares as f64),
    ]
    .into_iter()
    .chain(refused)
    .collect()
}

fn states(devices: &Devices) -> Vec<Sample<'_>> {
    let states = [
        ("active", DeviceState::Active),
        ("silent", DeviceState::Silent),
        ("disconnected", DeviceState::Disconnected),
    ];
    let count = |(name, state)| {
        let devices = devices.each.iter().filter(|device| device.state == state);
        Sample::new([name], devices.count() as f64)
    };
    states.map(count).into()
}

/// Returns a value of each worker that has one.
fn of_workers(facts: &Facts, value: impl Fn(&Worker) -> Option<f64>) -> Vec<Sample<'_>> {
    let workers = facts.workers.iter().flat_map(Workers::iter);
    let samples = workers.filter_map(|(name, worker)| Some(Sample::new([name], value(worker)?)));
    samples.collect()
}

impl Facts {
    /// Returns the time of something that was this long ago when the devices were read, in seconds
    /// since 1970.
    fn timestamp(&self, ago: Duration) -> Option<f64> {
        let read = self.snapshot.devices.as_ref()?.at;
        let since_reading = self.at.saturating_duration_since(read);
        let time = self.now.checked_sub(since_reading + ago)?;
        Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
    }
}
