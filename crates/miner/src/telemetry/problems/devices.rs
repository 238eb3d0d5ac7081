//! Problems with devices: none is connected, or some are gone, silent, slow, or have shares
//! refused.

use std::time::Duration;

use stratum::Rejection;

use super::{all_work, exceeds, was};
use crate::meter::total;
use crate::telemetry::estimate::Window;
use crate::telemetry::problem::{Kind, Lost, Problem, Severity};
use crate::telemetry::snapshot::{Device, DeviceState, Snapshot};
use crate::units::list;

/// How long devices may take to connect after the start.
const START: Duration = Duration::from_mins(3);
/// How long a device may be away before that is a problem: it may restart.
const AWAY: Duration = Duration::from_mins(3);
/// The percentage that a device lacks of its expected rate that is a problem, and the one below
/// which it ends.
const SLOW_PERCENT: (f64, f64) = (25.0, 15.0);
/// The least number of shares that a device should send in the hour that is judged: with fewer,
/// chance makes it look slow.
const SLOW_SHARES: f64 = 200.0;
/// A percentage of refused shares that is a problem, and the one below which it ends.
const REFUSED_PERCENT: (f64, f64) = (5.0, 3.0);
/// The least number of refused shares that make a problem.
const REFUSED_LEAST: u64 = 5;
/// The most devices that a sentence names.
const NAMED: usize = 3;

/// Returns the problems with devices.
pub(super) fn problems(
    snapshot: &Snapshot,
    devices: &[Device],
    before: &[Problem],
) -> Vec<Problem> {
    let is_connected = |device: &&Device| device.state != DeviceState::Disconnected;
    if !devices.iter().any(|device| is_connected(&device)) {
        return none_connected(snapshot, devices).into_iter().collect();
    }
    let gone = devices.iter().filter(|device| is_gone(snapshot, device));
    let silent = devices
        .iter()
        .filter(|device| device.state == DeviceState::Silent);
    let slow = devices
        .iter()
        .filter(|device| is_slow(snapshot, device, before));
    let connected = devices.iter().filter(is_connected);
    let refused = connected.filter(|device| is_refused(device, before));
    [
        of(
            snapshot,
            Kind::DeviceGone,
            &gone.collect::<Vec<_>>(),
            usual_rate,
            ["is", "are"],
            "no longer connected",
            "Check the power and the network of the device, and the address of its pool.",
        ),
        of(
            snapshot,
            Kind::DeviceSilent,
            &silent.collect::<Vec<_>>(),
            usual_rate,
            ["is", "are"],
            "connected, but sending no shares",
            "Restart the device, and look at its own page for a fault.",
        ),
        of(
            snapshot,
            Kind::DeviceSlow,
            &slow.collect::<Vec<_>>(),
            lacking,
            ["is", "are"],
            "slower than expected in the last hour",
            "Look at the device's own page: its chips may be too hot, or one of its boards is off.",
        ),
        refused_shares(snapshot, &refused.collect::<Vec<_>>()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn none_connected(snapshot: &Snapshot, devices: &[Device]) -> Option<Problem> {
    let is_certain =
        snapshot.elapsed >= START && devices.iter().all(|device| device.stats.unseen >= AWAY);
    let problem = Problem::new(Kind::NoDevice, Severity::Stopped, Vec::new());
    let lost = Lost::of(snapshot, total(devices.iter().map(usual_rate)));
    is_certain.then(|| {
        problem
            .says(
                "No device is connected.",
                "Enter this machine's address and the Stratum port into the device as its pool, \
                 and let the port through the firewall.",
            )
            .costs(lost.or_else(|| all_work(snapshot)))
    })
}

/// Whether a device that worked is no longer connected.
fn is_gone(snapshot: &Snapshot, device: &Device) -> bool {
    let stats = &device.stats;
    let is_away = device.state == DeviceState::Disconnected && stats.unseen >= AWAY;
    is_away && stats.accepted > 0 && snapshot.elapsed >= START
}

fn is_slow(snapshot: &Snapshot, device: &Device, before: &[Problem]) -> bool {
    let Some((expected, level)) = device.expected_rate.zip(device.stats.level) else {
        return false;
    };
    let hour = Window::Hour.length();
    let shares = expected.rate().0 * hour.as_secs_f64() / f64::from(level.bits()).exp2();
    let was = was(before, Kind::DeviceSlow, Some(device.stats.name.as_str()));
    let percent = 100.0 * lacking(device) / expected.rate().0;
    let time = device.connected.min(snapshot.worked);
    let is_judged = device.state == DeviceState::Active && time >= hour;
    is_judged && shares >= SLOW_SHARES && exceeds(percent, SLOW_PERCENT, was)
}

/// Returns what a device lacks of its expected rate, as far as that is known.
fn lacking(device: &Device) -> f64 {
    let known = device.expected_rate.zip(device.rates);
    known.map_or(0.0, |(expected, rates)| {
        (expected.rate().0 - rates.over(Window::Hour)).max(0.0)
    })
}

fn is_refused(device: &Device, before: &[Problem]) -> bool {
    let was = was(
        before,
        Kind::SharesRefused,
        Some(device.stats.name.as_str()),
    );
    let refused = device.recent.refused();
    let is_enough = refused >= if was { 1 } else { REFUSED_LEAST };
    is_enough && exceeds(device.recent.refused_percent(), REFUSED_PERCENT, was)
}

/// Returns the problem of these devices, if there are any. The verb is that of one and of many.
fn of(
    snapshot: &Snapshot,
    kind: Kind,
    devices: &[&Device],
    lost_rate: impl Fn(&Device) -> f64,
    verb: [&str; 2],
    what: &str,
    remedy: &str,
) -> Option<Problem> {
    let names: Vec<_> = devices
        .iter()
        .map(|device| device.stats.name.as_str())
        .collect();
    let subject = match names.as_slice() {
        [] => return None,
        [one] => format!("Device {one}"),
        few if few.len() <= NAMED => format!("{} devices ({})", few.len(), list(few)),
        many => format!("{} devices ({}, …)", many.len(), list(&many[..NAMED])),
    };
    let subjects = names.iter().copied().map(str::to_owned).collect();
    let lost = total(devices.iter().map(|device| lost_rate(device)));
    let problem = Problem::new(kind, Severity::Losing, subjects);
    let verb = verb[usize::from(names.len() > 1)];
    let problem = problem.says(format!("{subject} {verb} {what}."), remedy);
    Some(problem.costs(Lost::of(snapshot, lost)))
}

fn refused_shares(snapshot: &Snapshot, devices: &[&Device]) -> Option<Problem> {
    let sum = |count: fn(&Device) -> u64| devices.iter().map(|device| count(device)).sum::<u64>();
    let refused = sum(|device| device.recent.refused());
    let all = refused + sum(|device| device.recent.accepted);
    let percent = 100.0 * refused as f64 / all.max(1) as f64;
    let of_reason = |reason: &Rejection| {
        let counts = devices
            .iter()
            .map(|device| device.recent.rejections.of(*reason));
        counts.sum::<u64>()
    };
    let reason = Rejection::ALL.into_iter().max_by_key(of_reason)?;
    let (why, remedy) = explained(reason);
    let lost_rate = |device: &Device| {
        let part = device.recent.refused() as f64 / device.recent.accepted.max(1) as f64;
        let rate = device.rates.unwrap_or_default().over(Window::QuarterHour);
        rate * part.min(1.0)
    };
    let what = format!("{percent:.0} % of all shares refused, most because {why}");
    of(
        snapshot,
        Kind::SharesRefused,
        devices,
        lost_rate,
        ["has", "have"],
        &what,
        remedy,
    )
}

/// Returns why shares are refused, and what to do about it.
const fn explained(reason: Rejection) -> (&'static str, &'static str) {
    match reason {
        Rejection::Stale => (
            "they are for old work",
            "Check the network of the device: its answers come seconds too late.",
        ),
        Rejection::UnknownJob => (
            "their job is unknown",
            "Restart the device: it answers jobs of an earlier connection.",
        ),
        Rejection::Duplicate => (
            "they were sent before",
            "Restart the device; if that does not help, update its firmware.",
        ),
        Rejection::LowDifficulty => (
            "their hashes are too easy",
            "Lower the clock of the device, or improve its cooling: its chips compute wrong hashes. \
             If every share is refused, it hashes for another algorithm.",
        ),
        Rejection::Malformed => (
            "they cannot be read",
            "Update the firmware of the device, and choose Kadena (Blake2s) in its settings.",
        ),
        Rejection::NotSubscribed | Rejection::Unauthorized => (
            "the device has not logged in",
            "Restart the device, and check the worker name in its settings.",
        ),
    }
}

/// Returns the rate that a device should have, or had while it worked.
fn usual_rate(device: &Device) -> f64 {
    if let Some(expected) = device.expected_rate {
        return expected.rate().0;
    }
    let rates = device.rates.unwrap_or_default();
    let rates = Window::ALL.map(|window| rates.over(window));
    rates[1..].iter().copied().fold(0.0, f64::max)
}
