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
    known: BTreeMap<WorkerName, Known>,
    changes: BTreeMap<DeviceChange, Changes>,
}

#[derive(Debug)]
struct Known {
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

    /// Adds the rates of devices by hour in earlier runs, the earliest first.
    pub(crate) fn remembering(self, earlier: BTreeMap<String, Vec<f64>>) -> Self {
        Self { earlier, ..self }
    }

    /// Returns the devices with their states, and the events that are due.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        workers: Vec<WorkerSnapshot>,
    ) -> (Vec<Device>, Vec<Event>) {
        let mut before = take(&mut self.known);
        let mut devices = Vec::with_capacity(workers.len());
        for stats in workers {
            let mut known = before.remove(&stats.name).unwrap_or_else(|| {
                let hours = self.earlier.remove(stats.name.as_str());
                Known::new(now, &stats, hours.unwrap_or_default())
            });
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
            self.known.insert(stats.name.clone(), known);
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
        for (name, known) in before {
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
mod tests {
    use std::time::{Duration, Instant};

    use chainweb::{Difficulty, Level};
    use stratum::{Freshness, Stats, WorkerName, WorkerSession};

    use super::DeviceWatch;
    use crate::telemetry::estimate::{ExpectedRate, Window};
    use crate::telemetry::event::{DeviceChange, Event};
    use crate::telemetry::snapshot::DeviceState;
    use crate::units::HashRate;

    struct Farm {
        started: Instant,
        stats: Stats,
        watch: DeviceWatch,
    }

    impl Farm {
        fn new() -> Self {
            Self {
                started: Instant::now(),
                stats: Stats::new(1000),
                watch: DeviceWatch::default(),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.started + Duration::from_secs(seconds)
        }

        fn connect(&self, seconds: u64, name: &str) -> WorkerSession {
            let user = format!("k:key.{name}");
            let session = self
                .stats
                .open(self.at(seconds), &WorkerName::of_user(user.as_bytes()));
            session.set_level(Level::new(40).expect("at most 256"));
            session
        }

        fn share(&self, seconds: u64, session: &WorkerSession) {
            let worth = Difficulty::from_u128(1 << 40);
            session.accepted(self.at(seconds), worth, worth, worth, Freshness::Current);
        }

        /// The changes that are due, with the names.
        fn changes(&mut self, seconds: u64) -> Vec<(DeviceChange, Vec<String>)> {
            let now = self.at(seconds);
            let (_, events) = self.watch.observe(now, self.stats.snapshot(now));
            let change = |event| match event {
                Event::Devices(change, names) => {
                    let names = names.iter().map(|name| name.as_str().to_owned());
                    (change, names.collect())
                }
                other => panic!("not of devices: {other:?}"),
            };
            events.into_iter().map(change).collect()
        }
    }

    fn one(change: DeviceChange, name: &str) -> Vec<(DeviceChange, Vec<String>)> {
        vec![(change, vec![name.to_owned()])]
    }

    #[test]
    fn a_device_connects_goes_silent_resumes_and_leaves() {
        let mut farm = Farm::new();
        let device = farm.connect(0, "ka3-0");
        assert_eq!(farm.changes(0), one(DeviceChange::Connected, "ka3-0"));
        for second in (0..600).step_by(5) {
            farm.share(second, &device);
            assert_eq!(farm.changes(second), []);
        }
        // Silence is certain after 20 of the five seconds between shares, later as the rate falls.
        let silent = (600..1000).find(|second| !farm.changes(*second).is_empty());
        assert!(
            (695..730).contains(&silent.expect("silence is noticed")),
            "{silent:?}"
        );
        farm.share(1000, &device);
        assert_eq!(farm.changes(1000), one(DeviceChange::Resumed, "ka3-0"));
        drop(device);
        assert_eq!(farm.changes(1001), one(DeviceChange::Disconnected, "ka3-0"));
        assert_eq!(farm.changes(1002), []);
    }

    #[test]
    fn a_device_that_never_sends_a_share_is_silent_after_a_minute() {
        let mut farm = Farm::new();
        let _device = farm.connect(0, "mute");
        assert_eq!(farm.changes(0), one(DeviceChange::Connected, "mute"));
        assert_eq!(farm.changes(60), []);
        assert_eq!(farm.changes(61), one(DeviceChange::Silent, "mute"));
    }

    #[test]
    fn a_device_with_shares_as_hard_as_blocks_is_not_silent() {
        let mut farm = Farm::new();
        let device = farm.connect(0, "solo");
        device.set_level(Level::new(70).expect("at most 256"));
        farm.changes(0);
        assert_eq!(farm.changes(3000), []);
    }

    #[test]
    fn many_changes_are_one_event_and_quick_ones_are_collected() {
        let mut farm = Farm::new();
        let devices: Vec<_> = (0..500)
            .map(|number| farm.connect(0, &format!("d{number}")))
            .collect();
        let changes = farm.changes(0);
        assert_eq!((changes.len(), changes[0].1.len()), (1, 500));
        drop(devices);
        assert_eq!(farm.changes(1)[0].1.len(), 500);
        // Devices that come and go each second are reported once in ten.
        let mut reported = 0;
        for second in 2..32 {
            let session = farm.connect(second, "flapping");
            reported += farm.changes(second).len();
            drop(session);
            reported += farm.changes(second).len();
        }
        assert!((4..=8).contains(&reported), "{reported}");
    }

    #[test]
    fn a_change_that_was_undone_before_its_report_is_none() {
        let mut farm = Farm::new();
        let (a, b) = (farm.connect(0, "a"), farm.connect(0, "b"));
        farm.changes(0);
        drop(b);
        assert_eq!(farm.changes(20), one(DeviceChange::Disconnected, "b"));
        drop(a);
        assert_eq!(farm.changes(23), []);
        let _again = farm.connect(25, "a");
        assert_eq!(farm.changes(25), one(DeviceChange::Connected, "a"));
        assert_eq!(farm.changes(30), []);
    }

    #[test]
    fn a_device_that_returns_has_time_for_its_first_share() {
        let mut farm = Farm::new();
        let device = farm.connect(0, "a");
        for second in (0..600).step_by(5) {
            farm.share(second, &device);
        }
        farm.changes(600);
        drop(device);
        farm.changes(601);
        let _again = farm.connect(5000, "a");
        assert_eq!(farm.changes(5000), one(DeviceChange::Connected, "a"));
        let silent = (5001..9000).find(|second| !farm.changes(*second).is_empty());
        assert!(silent.is_some_and(|second| second > 5060), "{silent:?}");
    }

    #[test]
    fn rates_of_a_device_that_left_decline() {
        let mut farm = Farm::new();
        let device = farm.connect(0, "ka3-0");
        // Each share has 2^40 hashes.
        let rates = |farm: &mut Farm, seconds| {
            let now = farm.at(seconds);
            let (devices, _) = farm.watch.observe(now, farm.stats.snapshot(now));
            devices[0]
                .rates
                .expect("known")
                .0
                .map(|rate| rate / 40_f64.exp2())
        };
        for second in 0..7200 {
            farm.share(second, &device);
            rates(&mut farm, second);
        }
        drop(device);
        let check = |rates: [f64; 5], expected: [f64; 5]| {
            for (rate, expected) in rates.into_iter().zip(expected) {
                assert!((rate - expected).abs() <= 1e-3, "{rates:?} {expected}");
            }
        };
        check(rates(&mut farm, 7200), [1.0; 5]);
        check(rates(&mut farm, 9000), [0.0, 0.0, 0.5, 0.8, 0.8]);
    }

    #[test]
    fn a_device_is_expected_to_be_as_fast_as_configured_or_as_usual() {
        let mut farm = Farm::new();
        let rate = |tera: f64| HashRate(tera * 40_f64.exp2());
        let configured = [
            ("new".to_owned(), rate(9.0)),
            ("later".to_owned(), rate(1.0)),
        ];
        let earlier = [("old".to_owned(), vec![rate(3.0).0, rate(5.0).0])];
        farm.watch = DeviceWatch::new(false, configured.into()).remembering(earlier.into());
        let (new, _old, other) = (
            farm.connect(0, "new"),
            farm.connect(0, "old"),
            farm.connect(0, "other"),
        );
        let expected = |farm: &mut Farm, seconds| {
            let now = farm.at(seconds);
            let (devices, _) = farm.watch.observe(now, farm.stats.snapshot(now));
            let rates = devices.into_iter().map(|device| {
                let blocks = device.expected.map(f64::round);
                (device.expected_rate, blocks)
            });
            rates.collect::<Vec<_>>()
        };
        let is_configured = ExpectedRate::Configured(rate(9.0));
        let usual = |tera| ExpectedRate::Usual(rate(tera));
        let first = [
            (Some(is_configured), Some(0.0)),
            (Some(usual(4.0)), Some(0.0)),
        ];
        assert_eq!(
            expected(&mut farm, 0),
            [first[0], first[1], (None, Some(0.0))]
        );
        for second in 0..3600 {
            farm.share(second, &new);
            farm.share(second, &other);
        }
        // The hour without a share does not count.
        let blocks = Some(3600.0);
        let later = [
            (Some(is_configured), blocks),
            first[1],
            (Some(usual(1.0)), blocks),
        ];
        assert_eq!(expected(&mut farm, 3600), later);
        // A device that was gone for days is as fast as before.
        drop(other);
        expected(&mut farm, 3700);
        assert_eq!(expected(&mut farm, 200_000).len(), 2);
        let _other = farm.connect(200_001, "other");
        assert_eq!(expected(&mut farm, 200_001)[2].0, Some(usual(1.0)));
        // Where all shares are blocks, nothing else is known of the work.
        farm.watch = DeviceWatch::new(true, [].into());
        assert_eq!(expected(&mut farm, 200_001), [(None, None); 3]);
    }

    #[test]
    fn a_device_that_left_has_no_hash_rate() {
        let mut farm = Farm::new();
        let device = farm.connect(0, "ka3-0");
        farm.share(1, &device);
        drop(device);
        let (devices, _) = farm
            .watch
            .observe(farm.at(60), farm.stats.snapshot(farm.at(60)));
        let rates = devices[0].rates.expect("known");
        assert!(rates.over(Window::QuarterHour) > 0.0);
        assert_eq!(devices[0].state, DeviceState::Disconnected);
        assert_eq!(devices[0].hash_rate(), Some(0.0));
    }
}
