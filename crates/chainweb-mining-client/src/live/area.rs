//! The rows of the live area: rate, blocks, effort, devices and node, and what is wrong or which
//! keys there are. Pure: a snapshot in, text out.

use miner::meter::Rate;
use miner::telemetry::estimate::{Luck, Window};
use miner::telemetry::snapshot::DeviceState;
use miner::telemetry::{Snapshot, Work};
use miner::units::{About, HashRate};

use crate::logging::{Area, Row, Tone};
use crate::text::{fitted, row};

/// The windows with a rate of their own, once the run is as long.
const WINDOWS: [Window; 4] = [Window::QuarterHour, Window::Hour, Window::Day, Window::Week];

/// Whether the worker hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It cannot be paused.
    Never,
    /// It can be paused.
    Off,
    /// It is paused.
    On,
}

/// Returns the rows for a terminal with this many columns. There is no snapshot before the engine
/// runs.
pub(super) fn area(snapshot: Option<&Snapshot>, pause: Pause, columns: u16) -> Area {
    // A terminal may wrap a row that takes all columns.
    let width = usize::from(columns).saturating_sub(1);
    let plain = |parts: Vec<String>| Row {
        text: row(&parts, width),
        tone: Tone::Plain,
    };
    let warning = |text: &str| Row {
        text: fitted(text, width),
        tone: Tone::Warning,
    };
    let problem = snapshot.and_then(|snapshot| snapshot.problems.first());
    let problem = problem.filter(|_| pause != Pause::On);
    let mut rows = Vec::new();
    if let Some(snapshot) = snapshot {
        rows.push(plain(rates(snapshot)));
        rows.push(plain(blocks(snapshot)));
        // A problem needs the row.
        if problem.is_none() {
            rows.extend(effort(snapshot, width).map(plain));
        }
        rows.push(plain([devices(snapshot), nodes(snapshot)].concat()));
    }
    match problem {
        Some(problem) => rows.extend([warning(&problem.what), warning(&problem.remedy)]),
        None if pause == Pause::On => rows.push(warning("paused: p resumes hashing")),
        None => rows.push(Row {
            text: row(&keys(snapshot, pause), width),
            tone: Tone::Dim,
        }),
    }
    Area { rows, columns }
}

/// Returns the keys that apply, and what they do.
pub(super) fn keys(snapshot: Option<&Snapshot>, pause: Pause) -> Vec<String> {
    let has_devices = snapshot.is_some_and(|snapshot| snapshot.devices.is_some());
    let pause = match pause {
        Pause::Never => None,
        Pause::Off => Some("p pause"),
        Pause::On => Some("p resume"),
    };
    let keys = [
        Some("h rates"),
        has_devices.then_some("d devices"),
        Some("b blocks"),
        Some("n nodes"),
        Some("j jobs"),
        Some("l log level"),
        pause,
        Some("? help"),
        Some("q quit"),
    ];
    keys.into_iter().flatten().map(str::to_owned).collect()
}

pub(super) fn rate(rate: Rate) -> String {
    match rate {
        Rate::Hashed(rate) => rate.to_string(),
        Rate::Simulated(rate) => format!("{rate} simulated"),
        Rate::None => "none: this worker does not hash".to_owned(),
        Rate::Unknown => "unknown".to_owned(),
    }
}

/// Returns the name of a window.
pub(super) fn window(window: Window) -> &'static str {
    match window {
        Window::Minute => "1 min",
        Window::QuarterHour => "15 min",
        Window::Hour => "1 h",
        Window::Day => "24 h",
        Window::Week => "7 d",
    }
}

fn rates(snapshot: &Snapshot) -> Vec<String> {
    let mut parts = vec![format!("rate {}", rate(snapshot.hashing.present))];
    if let Some(rates) = &snapshot.work.rates {
        let whole = WINDOWS
            .into_iter()
            .filter(|it| it.length() <= snapshot.elapsed);
        parts.extend(whole.map(|it| format!("{} {}", window(it), HashRate(rates.over(it)))));
    }
    parts
}

fn blocks(snapshot: &Snapshot) -> Vec<String> {
    let counters = &snapshot.counters;
    let counts = [
        (counters.blocks.pending, "pending"),
        (counters.blocks.displaced, "displaced"),
        (counters.blocks.orphaned, "orphaned"),
        (counters.blocks.unknown, "unknown"),
        (counters.solutions_stale, "too late"),
        (counters.solutions_rejected, "rejected"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut parts = vec![format!("blocks {}", counters.blocks.accepted)];
    parts.extend(counts.map(|(count, name)| format!("{count} {name}")));
    let next = snapshot.odds().map(|odds| About(odds.mean_time()));
    // The mean time does not shrink while it passes.
    parts.extend(next.map(|next| format!("one in {next} on average")));
    parts
}

/// Returns the effort since the last block, with a bar, and the luck.
fn effort(snapshot: &Snapshot, width: usize) -> Option<Vec<String>> {
    let effort = snapshot.work.effort_since_found?;
    let length: u8 = if width < 60 { 10 } else { 20 };
    let full = effort * f64::from(length);
    let part = |at| if f64::from(at) <= full { '#' } else { '-' };
    let bar: String = (1..=length).map(part).collect();
    let percent = format!("{:.0} %", 100.0 * effort);
    let mut parts = vec![match width {
        // The bar would leave no room for the number.
        ..30 => format!("effort {percent}"),
        _ => format!("effort [{bar}] {percent}"),
    }];
    parts.extend(luck(&snapshot.work));
    Some(parts)
}

/// Returns the luck with its interval; `None` as long as it says nothing.
pub(super) fn luck(work: &Work) -> Option<String> {
    let Luck::Known { ratio, interval } = work.luck()? else {
        return None;
    };
    let [ratio, low, high] = [ratio, interval.low, interval.high].map(|part| 100.0 * part);
    Some(format!("luck {ratio:.0} % (95 %: {low:.0} to {high:.0})"))
}

fn devices(snapshot: &Snapshot) -> Vec<String> {
    let Some(devices) = &snapshot.devices else {
        return Vec::new();
    };
    let count = |state| devices.each.iter().filter(|it| it.state == state).count();
    let (silent, off) = (count(DeviceState::Silent), count(DeviceState::Disconnected));
    let mut parts = vec![format!("devices {}", count(DeviceState::Active))];
    let others = [(silent, "silent"), (off, "off")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(others.map(|(count, name)| format!("{count} {name}")));
    parts
}

fn nodes(snapshot: &Snapshot) -> Vec<String> {
    // That of the newest job, or the first one.
    let job = snapshot.jobs.iter().next();
    let at = job.map_or(0, |job| job.node.0);
    let Some(node) = snapshot.nodes.get(at) else {
        return Vec::new();
    };
    let mut parts = vec![format!("node {}", node.address)];
    parts.extend(node.network.as_ref().map(|it| it.version.to_string()));
    parts.extend(node.latency.map(|latency| About(latency).to_string()));
    if job.is_none() {
        parts.push("no work".to_owned());
    }
    parts
}
