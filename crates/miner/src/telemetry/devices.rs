//! Watches the devices of the Stratum server: which connect, leave, stop or resume sending shares.
//!
//! Pure: it compares one reading of the server's statistics with the one before, and keeps the hash
//! rates. Changes of a kind are collected, so that a farm that restarts is one event with many
//! names.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::time::{Duration, Instant};

use chainweb::Level;
use stratum::{WorkerName, WorkerSnapshot};

use super::estimate::{ExpectedRate, HOURS, Rates, Window, Windows};
use super::event::{DeviceChange, Event};
use super::recent::{Recent, Shares};
use super::snapshot::{Device, DeviceState};
use crate::units::HashRate;

/// The least time between two events of a kind. Changes in between are collected.
const COLLECTED: Duration = Duration::from_secs(10);

/// Recent shares are those of this time to twice this time.
const SHARES: Duration = Duration::from_mins(10);
/// A device is silent after this many of its mean intervals between shares without one: by chance,
/// once in 10^8.
const SILENT_INTERVALS: f64 = 20.0;

/// A device is not silent before this time without a share.
const SILENT_LEAST: Duration = Duration::from_mins(1);

/// The rate assumed of a device that never sent a share, in hashes per second: below that of any
/// ASIC for Blake2s.
const SLOWEST_DEVICE: f64 = 1e12;

/// The most devices that are gone whose rates are remembered.
const MAX_EARLIER: usize = 10_000;

/// The time of one mean rate.
const HOUR: Duration = Duration::from_hours(1);

/// The last known state of each device, and the changes that are not reported yet.
#[derive(Debug, Default)]
pub(crate) struct DeviceWatch {
    /// Whether all shares are blocks, so that the work in between is not known.
    are_shares_blocks: bool,
    /// The rates that devices should have, by worker name.
    configured: BTreeMap<String, HashRate>,
    /// The rates by hour of devices that are gone, or of earlier runs and have not connected yet.
    earlier: BTreeMap<String, Vec<f64>>,
    /// The hashes by hour of devices of earlier runs that have not connected yet.
    hashes: BTreeMap<String, Vec<(Instant, f64)>>,
    /// Boxed: the nodes of a map are half empty.
    known: BTreeMap<WorkerName, Box<Known>>,
    changes: BTreeMap<DeviceChange, Changes>,
}

#[derive(Debug)]
struct Known {
    /// When it was last among the workers.
    read: Instant,
    state: DeviceState,
    /// When it was first seen connected without a break.
    connected: Instant,
    /// The hashes credited so far, and their part in each window.
    credited: f64,
    hashes: Windows,
    shares: Recent<Shares>,
    /// The mean rates in the last hours, oldest first. The present hour has begun at this time and
    /// sum.
    hours: Vec<f64>,
    hour: (Instant, f64),
    /// The median of the rates by hour.
    usual: Option<ExpectedRate>,
}

#[derive(Debug, Default)]
struct Changes {
    names: BTreeSet<WorkerName>,
    reported: Option<Instant>,
}

impl DeviceWatch {
    /// Creates a watch of a server where all shares are blocks or not, with the rates that devices
    /// should have by worker name.
    pub(crate) fn new(are_shares_blocks: bool, configured: BTreeMap<String, HashRate>) -> Self {
        Self {
            are_shares_blocks,
            configured,
            ..Self::default()
        }
    }

    /// Adds the rates of devices by hour in earlier runs, and their hashes with the start of each
    /// hour, the earliest first.
    pub(crate) fn remembering(
        self,
        earlier: BTreeMap<String, Vec<f64>>,
        hashes: BTreeMap<String, Vec<(Instant, f64)>>,
    ) -> Self {
        Self {
            earlier,
            hashes,
            ..self
        }
    }

    /// Returns the devices with their states, and the events that are due.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        workers: impl IntoIterator<Item = WorkerSnapshot>,
    ) -> (Vec<Device>, Vec<Event>) {
        let mut devices = Vec::with_capacity(self.known.len());
        for stats in workers {
            let known = self.known.entry(stats.name.clone()).or_insert_with(|| {
                let hours = self.earlier.remove(stats.name.as_str());
                let mut known = Known::new(now, &stats, hours.unwrap_or_default());
                let hashes = self.hashes.remove(stats.name.as_str());
                known.hashes.resume(&hashes.unwrap_or_default());
                Box::new(known)
            });
            known.read = now;
            let rates = known.hash(now, stats.credited);
            let shares = Shares::from(&stats);
            let recent = shares.since(known.shares.before(now, shares));
            if known.state == DeviceState::Disconnected {
                known.connected = now;
            }
            let connected = now.saturating_duration_since(known.connected);
            let state = state_of(&stats, rates, connected);
            if let Some(change) = change(known.state, state) {
                let changes = self.changes.entry(change).or_default();
                changes.names.insert(stats.name.clone());
            }
            known.state = state;
            let configured = self.configured.get(stats.name.as_str());
            let usual = known.usual.filter(|_| !self.are_shares_blocks);
            let expected_rate = configured.map(|rate| ExpectedRate::Configured(*rate));
            devices.push(Device {
                expected: (!self.are_shares_blocks).then_some(stats.expected),
                expected_rate: expected_rate.or(usual),
                stats,
                rates: (!self.are_shares_blocks).then_some(rates),
                connected,
                recent,
                state,
            });
        }
        let is_gone = |_: &WorkerName, known: &mut Box<Known>| known.read != now;
        for (name, known) in self.known.extract_if(.., is_gone) {
            if !known.hours.is_empty() && self.earlier.len() < MAX_EARLIER {
                self.earlier.insert(name.as_str().to_owned(), known.hours);
            }
        }
        (devices, self.due(now))
    }

    fn due(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        for (change, changes) in &mut self.changes {
            let is_due = changes
                .reported
                .is_none_or(|at| now.saturating_duration_since(at) >= COLLECTED);
            if is_due && !changes.names.is_empty() {
                let state = |name: &WorkerName| self.known.get(name).map(|known| known.state);
                // A change that was undone in the meantime is no news.
                let names = take(&mut changes.names).into_iter();
                let names: Vec<_> = names.filter(|name| lasts(*change, state(name))).collect();
                if !names.is_empty() {
                    changes.reported = Some(now);
                    events.push(Event::Devices(*change, names));
                }
            }
        }
        events
    }
}

impl Known {
    fn new(now: Instant, stats: &WorkerSnapshot, hours: Vec<f64>) -> Self {
        Self {
            read: now,
            usual: ExpectedRate::of(None, &hours),
            state: DeviceState::Disconnected,
            connected: now,
            credited: 0.0,
            hashes: Windows::new(now.checked_sub(stats.since).unwrap_or(now)),
            shares: Recent::new(now, SHARES, Shares::from(stats)),
            hours,
            hour: (now, stats.credited),
        }
    }

    /// Counts what was credited since the reading before, and returns the rates.
    fn hash(&mut self, now: Instant, credited: f64) -> Rates {
        self.hashes.add(now, credited - self.credited);
        self.credited = credited;
        let (began, before) = self.hour;
        let time = now.saturating_duration_since(began);
        if time >= HOUR {
            self.hours.push((credited - before) / time.as_secs_f64());
            self.hours.drain(..self.hours.len().saturating_sub(HOURS));
            self.usual = ExpectedRate::of(None, &self.hours);
            self.hour = (now, credited);
        }
        self.hashes.rates(now)
    }
}

/// Whether a device in this state shows the change still.
fn lasts(change: DeviceChange, state: Option<DeviceState>) -> bool {
    match change {
        DeviceChange::Disconnected => matches!(state, None | Some(DeviceState::Disconnected)),
        DeviceChange::Silent => state == Some(DeviceState::Silent),
        DeviceChange::Connected | DeviceChange::Resumed => {
            matches!(state, Some(DeviceState::Active | DeviceState::Silent))
        }
    }
}

/// Returns the change between two states, if there is one.
fn change(before: DeviceState, now: DeviceState) -> Option<DeviceChange> {
    use DeviceState::{Active, Disconnected, Silent};
    match (before, now) {
        (Disconnected, Active | Silent) => Some(DeviceChange::Connected),
        (Active | Silent, Disconnected) => Some(DeviceChange::Disconnected),
        (Active, Silent) => Some(DeviceChange::Silent),
        (Silent, Active) => Some(DeviceChange::Resumed),
        (Disconnected, Disconnected) | (Active, Active) | (Silent, Silent) => None,
    }
}

fn state_of(stats: &WorkerSnapshot, rates: Rates, connected: Duration) -> DeviceState {
    if stats.sessions == 0 {
        return DeviceState::Disconnected;
    }
    let without_share = stats
        .last_share
        .map_or(connected, |time| time.min(connected));
    if without_share > patience(stats, rates) {
        DeviceState::Silent
    } else {
        DeviceState::Active
    }
}

/// The time without a share after which a device is silent. [`Duration::MAX`] if its shares are so
/// hard that no time proves anything.
fn patience(stats: &WorkerSnapshot, rates: Rates) -> Duration {
    let rate = match stats.last_share {
        Some(_) => rates.over(Window::Hour).max(rates.over(Window::Day)),
        None => SLOWEST_DEVICE,
    };
    let hashes = stats.level.map_or(f64::INFINITY, hashes_per_share);
    let seconds = SILENT_INTERVALS * hashes / rate;
    let patience = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    patience.max(SILENT_LEAST)
}

/// The expected number of hashes for a share with this many leading zero bits.
fn hashes_per_share(level: Level) -> f64 {
    f64::from(level.bits()).exp2()
}

#[cfg(test)]
mod tests;
