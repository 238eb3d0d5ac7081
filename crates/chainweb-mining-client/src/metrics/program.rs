//! The metrics of the program and its process.

use std::time::UNIX_EPOCH;

use super::{Metric, Sample, metric, one};

/// The commit that the program was built from; empty if the build did not know it.
const COMMIT: &str = env!("BUILT_COMMIT");

pub(super) static METRICS: &[Metric] = &[
    metric(
        "build_info",
        &["version", "commit"],
        "The version of the program, and the commit that it was built from",
        "Compare the versions of several machines.",
        |facts| vec![Sample::new([facts.snapshot.program.version, COMMIT], 1.0)],
    ),
    metric(
        "start_time_seconds",
        &[],
        "When the program started, in seconds since 1970",
        "Its changes are restarts: `changes(chainweb_mining_start_time_seconds[1d])`.",
        |facts| {
            let since = facts.started.duration_since(UNIX_EPOCH).ok();
            one(since.map(|since| since.as_secs_f64()))
        },
    ),
    metric(
        "ready",
        &[],
        "Whether the program is ready to mine (1) or not (0)",
        "Alert if it is 0 for minutes: `/readyz` has the reason.",
        |facts| one(f64::from(facts.is_ready)),
    ),
    metric(
        "history_failing",
        &[],
        "Whether the disk takes no records of the history (1) or takes them (0)",
        "Alert if it is 1 for minutes: a block that waits for the node is lost if the program ends.",
        |facts| one(f64::from(facts.snapshot.disk_fault.is_some())),
    ),
    metric(
        "process_cpu_seconds_total",
        &[],
        "The time of processors that the process used",
        "Its rate is the number of busy processors.",
        |facts| one(facts.process.cpu_time.as_secs_f64()),
    ),
    metric(
        "process_resident_memory_bytes",
        &[],
        "The resident memory of the process",
        "Linux only.",
        |facts| one(facts.process.memory_bytes.map(|bytes| bytes as f64)),
    ),
    metric(
        "process_open_fds",
        &[],
        "The open file descriptors of the process",
        "Linux only. Each connection takes one.",
        |facts| one(facts.process.descriptors.map(|count| count as f64)),
    ),
    metric(
        "process_max_fds",
        &[],
        "The highest number of open file descriptors",
        "Alert before `process_open_fds` reaches it.",
        |facts| one(facts.process.max_descriptors.map(|count| count as f64)),
    ),
];
