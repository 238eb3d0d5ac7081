//! The table of mining devices: lines of text in plain logs, one object per device in JSON logs.
//!
//! The two have separate targets, [`PLAIN`] and [`JSON`]; the program enables one of them.

use std::cmp::Reverse;
use std::fmt::Write as _;

use chainweb::Difficulty;
use stratum::Rejection;
use tracing::info;

use super::snapshot::{Device, DeviceState, Devices};
use crate::units::{About, HashRate, Prefixed};

/// The log target of the table as text.
pub const PLAIN: &str = "miner::devices::plain";

/// The log target of the table as an object for each device.
pub const JSON: &str = "miner::devices::json";

/// The most devices with a row of their own.
const ROWS: usize = 40;

/// A device has a problem if more than one in this many of its shares are stale or rejected.
const REFUSED_DIVISOR: u64 = 10;

const HEAD: [&str; 6] = [
    "device",
    "rate",
    "shares accepted/stale/rejected",
    "best share",
    "blocks found",
    "since",
];

const LEGEND: &str = "\
(rate: mean of the last 15 minutes; best share: its difficulty; since: first connection;
off: time without a connection; silent: time without a share)";

/// Longer names are cut in the middle: their ends differ most.
const NAME_LENGTH: usize = 24;

/// Logs the devices, the first time with a legend.
pub(super) fn log(devices: &Devices, explained: &mut bool) {
    if tracing::enabled!(target: PLAIN, tracing::Level::INFO) {
        let mut table = text(&devices.each, ROWS);
        if !table.is_empty() && !*explained {
            table = format!("{table}\n{LEGEND}");
            *explained = true;
        }
        if !table.is_empty() {
            info!(target: PLAIN, event = "devices", "devices\n{table}");
        }
    }
    if tracing::enabled!(target: JSON, tracing::Level::INFO) {
        for device in devices.each.iter().filter(|device| is_known(device)) {
            log_device(device);
        }
    }
}

fn log_device(device: &Device) {
    let stats = &device.stats;
    info!(
        target: JSON,
        event = "device",
        device = stats.name.as_str(),
        state = match device.state {
            DeviceState::Active => "active",
            DeviceState::Silent => "silent",
            DeviceState::Disconnected => "disconnected",
        },
        hash_rate = device.hash_rate().unwrap_or(f64::NAN),
        expected_hash_rate = device.expected_rate.map_or(f64::NAN, |rate| rate.rate().0),
        shares_accepted = stats.accepted,
        shares_stale = stale(device),
        shares_rejected = stats.rejections.except_stale(),
        best_share_difficulty = stats.best.map_or(f64::NAN, Difficulty::as_f64),
        last_share_seconds = stats.last_share.map_or(f64::NAN, |time| time.as_secs_f64()),
        blocks_found = stats.blocks,
        expected_blocks = device.expected.unwrap_or(f64::NAN),
        connections = stats.sessions,
        since_seconds = stats.since.as_secs_f64(),
        "device"
    );
}

/// Whether the device is or was at work: not a stranger that left without an accepted share.
fn is_known(device: &Device) -> bool {
    device.state != DeviceState::Disconnected || device.stats.accepted > 0
}

fn stale(device: &Device) -> u64 {
    device.stats.accepted_late + device.stats.rejections.of(Rejection::Stale)
}

fn has_problem(device: &Device) -> bool {
    let stats = &device.stats;
    let refused = stats.rejections.of(Rejection::Stale) + stats.rejections.except_stale();
    device.state != DeviceState::Active || refused * REFUSED_DIVISOR > stats.accepted + refused
}

/// Returns the table: devices with a problem first, then by rate. At most `rows` devices have a
/// row of their own; the others have one row together. Empty without devices.
fn text(devices: &[Device], rows: usize) -> String {
    let mut sorted: Vec<&Device> = devices.iter().filter(|device| is_known(device)).collect();
    if sorted.is_empty() {
        return String::new();
    }
    sorted.sort_by_key(|device| {
        // Bits of non-negative numbers order as the numbers do.
        let rate = device.hash_rate().unwrap_or(0.0).to_bits();
        (device.state, Reverse((has_problem(device), rate)))
    });
    let (single, rest) = sorted.split_at(rows.min(sorted.len()));
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(single.iter().map(|device| {
        let stats = &device.stats;
        let since = match device.state {
            DeviceState::Active => About(stats.since).to_string(),
            DeviceState::Silent => {
                format!("silent {}", About(stats.last_share.unwrap_or(stats.since)))
            }
            DeviceState::Disconnected => format!("off {}", About(stats.unseen)),
        };
        Sum::of(&[device]).row(short(stats.name.as_str()), since)
    }));
    if !rest.is_empty() {
        let count = |state| rest.iter().filter(|device| device.state == state).count();
        let off = count(DeviceState::Disconnected);
        let silent = count(DeviceState::Silent);
        let name = match off + silent {
            0 => format!("{} more", rest.len()),
            _ => format!("{} more: {off} off, {silent} silent", rest.len()),
        };
        lines.push(Sum::of(rest).row(name, String::new()));
    }
    if sorted.len() > 1 {
        lines.push(Sum::of(&sorted).row(format!("all {}", sorted.len()), String::new()));
    }
    aligned(&lines)
}

fn aligned(rows: &[[String; HEAD.len()]]) -> String {
    let mut widths = [0; HEAD.len()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; HEAD.len()]| {
        let [name, figures @ ..] = row;
        let [name_width, figure_widths @ ..] = widths;
        let mut line = format!("{name:name_width$}");
        for (cell, width) in figures.iter().zip(figure_widths) {
            write!(line, " | {cell:>width$}").expect("writing to a string cannot fail");
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The figures of some devices together.
struct Sum {
    /// `None` if that of a device is not known, here and below.
    rate: Option<f64>,
    /// The rate that they should have.
    expected_rate: Option<f64>,
    accepted: u64,
    stale: u64,
    rejected: u64,
    best: f64,
    blocks: u64,
}

impl Sum {
    fn of(devices: &[&Device]) -> Self {
        let mut sum = Self {
            rate: Some(0.0),
            expected_rate: Some(0.0),
            accepted: 0,
            stale: 0,
            rejected: 0,
            best: 0.0,
            blocks: 0,
        };
        for device in devices {
            let stats = &device.stats;
            let rate = sum.rate.zip(device.hash_rate());
            sum.rate = rate.map(|(sum, rate)| sum + rate);
            let expected = sum.expected_rate.zip(device.expected_rate);
            sum.expected_rate = expected.map(|(sum, rate)| sum + rate.rate().0);
            sum.accepted += stats.accepted;
            sum.stale += stale(device);
            sum.rejected += stats.rejections.except_stale();
            sum.best = sum.best.max(stats.best.map_or(0.0, Difficulty::as_f64));
            sum.blocks += stats.blocks;
        }
        sum
    }

    fn row(&self, name: String, since: String) -> [String; HEAD.len()] {
        [
            name,
            match (self.rate, self.expected_rate) {
                (None, _) => "unknown".to_owned(),
                (Some(rate), None) => HashRate(rate).to_string(),
                (Some(rate), Some(expected)) => {
                    format!("{} ({:.0} %)", HashRate(rate), 100.0 * rate / expected)
                }
            },
            format!("{}/{}/{}", self.accepted, self.stale, self.rejected),
            if self.best > 0.0 {
                Prefixed(self.best).to_string().trim_end().to_owned()
            } else {
                "none".to_owned()
            },
            self.blocks.to_string(),
            since,
        ]
    }
}

fn short(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME_LENGTH {
        return name.to_owned();
    }
    let end = (NAME_LENGTH - 2) / 2;
    let start = NAME_LENGTH - 2 - end;
    let first = name.chars().take(start);
    first
        .chain("..".chars())
        .chain(name.chars().skip(length - end))
        .collect()
}

#[cfg(test)]
mod tests;
