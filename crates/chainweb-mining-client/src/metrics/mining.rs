//! The metrics of mining as such: hashes, jobs and blocks.

use miner::telemetry::counters::Counters;

use super::{Metric, Sample, metric, one};

/// The bounds of ages of jobs, in milliseconds.
const AGES: [u64; 9] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
];

pub(super) static METRICS: &[Metric] = &[
    metric(
        "hashes_total",
        &[],
        "Hashes computed: counted on this machine, reported by an external program, or with \
         devices the difficulty of their shares, also of stale ones",
        "Its rate is the hash rate; with devices, take it over 15 minutes or more: \
         `rate(chainweb_mining_hashes_total[15m])`.",
        |facts| one(facts.snapshot.work.stale.total()),
    ),
    metric(
        "stale_hashes_total",
        &[],
        "Hashes on jobs after an event by which they were outdated",
        "Its part in `hashes_total` is lost: a per cent of it is a per cent of the reward.",
        |facts| one(facts.snapshot.work.stale.hashes()),
    ),
    metric(
        "work_expected_blocks_total",
        &[],
        "Blocks that the hashes find on average: each hash over the difficulty of its job",
        "Blocks found over it are the luck; its rate is the mean number of blocks.",
        |facts| one(facts.snapshot.work.expected),
    ),
    metric(
        "blocks_total",
        &["fate"],
        "Blocks of ours that reached a fate, once for each fate",
        "`found` and, in the end, `confirmed`, `orphaned`, `rejected`, `stale`, `untracked` or \
         `lost`; in between `submitted`, `accepted` and perhaps `uncertain` and `displaced`.",
        |facts| {
            let fates = facts.snapshot.fates.iter();
            fates
                .map(|(fate, count)| Sample::new([fate.name()], *count as f64))
                .collect()
        },
    ),
    metric(
        "jobs_live",
        &[],
        "Jobs that can be solved now",
        "",
        |facts| one(facts.snapshot.jobs.iter().len() as f64),
    ),
    metric("jobs_total", &[], "Jobs that became live", "", |facts| {
        one(facts.snapshot.counters.jobs as f64)
    }),
    metric(
        "jobs_unwatched_total",
        &[],
        "Jobs whose chain had no open update stream when their work was requested",
        "Such a job may be outdated for a while before the cut shows it.",
        |facts| one(facts.snapshot.counters.unwatched_jobs as f64),
    ),
    metric(
        "jobs_insured_total",
        &[],
        "Jobs whose payload another node holds as well, so that it can take their solutions",
        "Its part in `jobs_total` says how much is insured against the loss of a node.",
        |facts| one(facts.snapshot.counters.insured_jobs as f64),
    ),
    metric(
        "jobs_retired_total",
        &["reason"],
        "Jobs that are no longer live, by reason",
        "`new_cut` is the usual one: a new block on their chain. Many `not_in_cut` are updates \
         that come late or not at all.",
        |facts| {
            let retired = facts.snapshot.counters.jobs_retired.iter();
            retired
                .map(|(reason, count)| Sample::new([reason.name()], count as f64))
                .collect()
        },
    ),
    metric(
        "job_age_seconds",
        &[],
        "Ages of jobs when they are retired, from the arrival of their work",
        "Mostly the time between blocks of a chain, which is 30 seconds on average.",
        |facts| vec![Sample::times([], &facts.snapshot.counters.job_age, &AGES)],
    ),
    metric(
        "update_events_total",
        &[],
        "Events of update streams: new blocks and refreshed payloads",
        "",
        |facts| one(facts.snapshot.counters.updates_received as f64),
    ),
    metric(
        "payload_refresh_events_total",
        &[],
        "Payload refreshes that update streams reported",
        "Those that are not in `payload_refreshes_total` needed no action, or are pending.",
        |facts| one(facts.snapshot.counters.refreshes.received as f64),
    ),
    metric(
        "payload_refreshes_total",
        &["outcome"],
        "Payload refreshes after which work was fetched: newer work replaced the job \
         (`preempted`), or the node issued the same again (`identical`)",
        "Many `identical` ones: fetch later, see `--preemption`.",
        |facts| refreshes(&facts.snapshot.counters),
    ),
];

fn refreshes(counters: &Counters) -> Vec<Sample<'_>> {
    let refreshes = &counters.refreshes;
    vec![
        Sample::new(["preempted"], refreshes.preempted as f64),
        Sample::new(["identical"], refreshes.identical as f64),
    ]
}
