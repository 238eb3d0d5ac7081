//! The table of workers in the log.
//!
//! Few lines for any number of workers: the fastest, then one for the rest and one for all. Rates
//! are those of the last 15 minutes: with a share in five seconds a minute's is too noisy. *Stale*
//! counts shares of retired work, accepted or not.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::time::Duration;

use crate::stats::rejection::Rejection;
use crate::stats::snapshot::WorkerSnapshot;

const HEAD: [&str; 6] = [
    "worker",
    "rate",
    "accepted/stale/rejected",
    "best",
    "blocks",
    "since",
];

/// Longer names are cut in the middle: their ends differ most.
const NAME_LENGTH: usize = 24;

/// Returns the table, without a newline at the end, or an empty text without workers.
///
/// At most `most_workers` workers have a row of their own: those with a session first, then the
/// fastest. A worker with neither a session nor an accepted share has none. The last column is the
/// time since the worker first connected, or since its last session if that has ended.
pub(crate) fn table(workers: &[WorkerSnapshot], most_workers: usize) -> String {
    if workers.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<_> = workers.iter().collect();
    sorted.sort_by_key(|worker| {
        let rate = ordered(worker.rates.quarter_hour);
        Reverse((worker.sessions > 0, worker.accepted > 0, rate))
    });
    let active = sorted.partition_point(|worker| worker.sessions > 0 || worker.accepted > 0);
    let (single, rest) = sorted.split_at(most_workers.min(active));
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(single.iter().map(|worker| {
        let since = if worker.sessions > 0 {
            about(worker.since)
        } else {
            format!("off {}", about(worker.unseen))
        };
        Sum::of(&[worker]).row(short(worker.name.as_str()), since)
    }));
    if !rest.is_empty() {
        rows.push(Sum::of(rest).row(format!("{} more", rest.len()), String::new()));
    }
    if sorted.len() > 1 {
        rows.push(Sum::of(&sorted).row(format!("all {}", sorted.len()), String::new()));
    }
    lines(&rows)
}

/// Returns bits that order as the rates do, since these are not negative.
fn ordered(rate: f64) -> u64 {
    rate.max(0.0).to_bits()
}

fn lines(rows: &[[String; HEAD.len()]]) -> String {
    let mut widths = [0; HEAD.len()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let line = |row: &[String; HEAD.len()]| {
        let [worker, figures @ ..] = row;
        let [worker_width, figure_widths @ ..] = widths;
        let mut line = format!("{worker:worker_width$}");
        for (cell, width) in figures.iter().zip(figure_widths) {
            write!(line, " | {cell:>width$}").expect("writing to a string cannot fail");
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The totals of some workers.
#[derive(Default)]
struct Sum {
    rate: f64,
    accepted: u64,
    stale: u64,
    rejected: u64,
    best: f64,
    blocks: u64,
}

impl Sum {
    fn of(workers: &[&WorkerSnapshot]) -> Self {
        workers.iter().fold(Self::default(), |sum, worker| Self {
            rate: sum.rate + worker.rates.quarter_hour,
            accepted: sum.accepted + worker.accepted,
            stale: sum.stale + worker.accepted_late + worker.rejections.of(Rejection::Stale),
            rejected: sum.rejected + worker.rejections.except_stale(),
            best: sum
                .best
                .max(worker.best.map_or(0.0, chainweb::Difficulty::as_f64)),
            blocks: sum.blocks + worker.blocks,
        })
    }

    fn row(&self, name: String, since: String) -> [String; HEAD.len()] {
        [
            name,
            format!("{}H/s", prefixed(self.rate)),
            format!("{}/{}/{}", self.accepted, self.stale, self.rejected),
            if self.best > 0.0 {
                prefixed(self.best).trim_end().to_owned()
            } else {
                "none".to_owned()
            },
            self.blocks.to_string(),
            since,
        ]
    }
}

fn short(name: &str) -> String {
    // Names are ASCII, so any byte index is a character boundary.
    if name.len() <= NAME_LENGTH {
        return name.to_owned();
    }
    let end = (NAME_LENGTH - 2) / 2;
    let start = NAME_LENGTH - 2 - end;
    format!("{}..{}", &name[..start], &name[name.len() - end..])
}

/// Formats a value with three digits, a space and an SI prefix.
fn prefixed(mut value: f64) -> String {
    let mut prefixes = ["", "k", "M", "G", "T", "P", "E", "Z"].into_iter();
    let mut prefix = prefixes.next().unwrap_or_default();
    // 999.5 would round to 1000.
    while value >= 999.5
        && let Some(larger) = prefixes.next()
    {
        value /= 1000.0;
        prefix = larger;
    }
    let digits = match value {
        0.0..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {prefix}")
}

/// Formats a time in the largest unit of which it has at least two.
fn about(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit}")
}
