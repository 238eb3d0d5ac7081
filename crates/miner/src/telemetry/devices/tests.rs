use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};
use stratum::{Freshness, Stats, WorkerName, WorkerSession};

use super::DeviceWatch;
use crate::telemetry::estimate::{ExpectedRate, Rates, Window};
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
fn the_day_of_a_device_goes_on_from_an_earlier_run() {
    let mut farm = Farm::new();
    let hours = vec![(farm.started, 36_000.0)];
    farm.watch = DeviceWatch::default().remembering([].into(), [("a".to_owned(), hours)].into());
    let _a = farm.connect(36_000, "a");
    let now = farm.at(36_000);
    let (devices, _) = farm.watch.observe(now, farm.stats.snapshot(now));
    let expected = Rates([0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(devices[0].rates, Some(expected));
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
    farm.watch = DeviceWatch::new(false, configured.into()).remembering(earlier.into(), [].into());
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
