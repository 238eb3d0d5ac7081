//! Devices that change: they stop and return, warm up, or have a ticket mask.

use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};

use super::super::{Vardiff, VardiffConfig, difficulty};
use super::device::Device;

const TERA: f64 = 1e12;
const KA3: f64 = 166.0 * TERA;

fn level(bits: u16) -> Level {
    Level::new(bits).expect("a level")
}

fn hashes(bits: u16) -> Difficulty {
    Difficulty::from_f64(difficulty(level(bits)))
}

/// Returns each change of level in silence: its second, and the bits of the new level.
fn silence(vardiff: &mut Vardiff, start: Instant, seconds: u64) -> Vec<(u64, u16)> {
    (1..=seconds)
        .filter_map(|second| {
            let change = vardiff.tick(start + Duration::from_secs(second))?;
            Some((second, change.bits()))
        })
        .collect()
}

/// A device whose shares come at regular intervals.
struct Regular {
    vardiff: Vardiff,
    now: Instant,
}

impl Regular {
    fn new() -> Self {
        let now = Instant::now();
        let vardiff = Vardiff::new(VardiffConfig::default(), level(45), now);
        Self { vardiff, now }
    }

    /// Returns the bits of the levels to which this many shares lead, from a device with this gap
    /// between shares of level 45.
    fn shares(&mut self, count: u32, gap_ms: f64) -> Vec<u16> {
        let mut changes = Vec::new();
        for _ in 0..count {
            let required = self.vardiff.level();
            let gap_ms = gap_ms * difficulty(required) / difficulty(level(45));
            self.now += Duration::from_secs_f64(gap_ms / 1000.0);
            changes.extend(self.vardiff.tick(self.now));
            let required = hashes(required.bits());
            changes.extend(self.vardiff.share(self.now, required, required));
        }
        changes.into_iter().map(Level::bits).collect()
    }
}

#[test]
fn a_level_changes_only_if_another_is_clearly_better() {
    #[track_caller]
    fn check(gap_ms: f64, changes: &[u16]) {
        assert_eq!(Regular::new().shares(1000, gap_ms), changes);
    }
    check(8000.0, &[44]);
    check(7000.0, &[]);
    check(5000.0, &[]);
    check(2300.0, &[]);
    check(2100.0, &[46]);
}

#[test]
fn a_burst_after_a_change_is_ignored() {
    let mut device = Regular::new();
    assert_eq!(device.shares(100, 2300.0), [0_u16; 0]);
    while device.shares(1, 2000.0).is_empty() {}
    // Eight shares of the new level at four times the pace, and as before again.
    assert_eq!(device.shares(8, 600.0), [0_u16; 0]);
    assert_eq!(device.shares(100, 2000.0), [0_u16; 0]);
}

#[test]
fn a_slowdown_lowers_the_level_once_both_averages_show_it() {
    let mut device = Regular::new();
    device.shares(120, 5000.0);
    // Three times as fast until the level is raised, and then half as fast as that needs.
    while device.shares(1, 1667.0).is_empty() {}
    let begin = device.now;
    while device.shares(1, 5000.0).is_empty() {}
    let after = device.now - begin;
    assert!(
        after > Duration::from_mins(3) && after < Duration::from_mins(10),
        "{after:?}"
    );
}

#[test]
fn the_level_follows_a_worker_twenty_times_as_fast_in_two_minutes() {
    let mut close = 0;
    for seed in 0..200 {
        let mut device = Device::new(seed, 40, 45, 40);
        device.run(3600, |_| 8.3 * TERA);
        device.run(120, |_| KA3);
        close += u32::from((48..=50).contains(&device.bits()));
    }
    println!("{close} of 200 are within one of 2^49 two minutes after they became that fast");
    assert!(close >= 190);
}

#[test]
fn silence_halves_the_difficulty_every_six_intervals_down_to_the_floor() {
    let start = Instant::now();
    let mut vardiff = Vardiff::new(VardiffConfig::default(), level(43), start);
    assert_eq!(
        silence(&mut vardiff, start, 600),
        [(30, 42), (60, 41), (90, 40)]
    );
    assert_eq!(vardiff.last_share_level(), None);
}

#[test]
fn a_late_tick_lowers_by_two_bits_at_most() {
    let start = Instant::now();
    let after = |seconds| {
        let mut vardiff = Vardiff::new(VardiffConfig::default(), level(49), start);
        vardiff.tick(start + Duration::from_secs(seconds))
    };
    assert_eq!(after(29), None);
    assert_eq!(after(59), Some(level(48)));
    assert_eq!(after(60), Some(level(47)));
    assert_eq!(after(3600), Some(level(47)));
}

#[test]
fn eight_shares_at_four_times_the_pace_raise_the_level_and_seven_do_not() {
    let start = Instant::now();
    let mut vardiff = Vardiff::new(VardiffConfig::default(), level(45), start);
    for share in 1..8 {
        let now = start + Duration::from_secs(share);
        assert_eq!(vardiff.share(now, hashes(45), hashes(46)), None);
    }
    // Seven gaps of a second between eight shares: nearly 2^45 hashes a second, 5 · 7/8 · 2^45
    // ideal.
    let now = start + Duration::from_secs(8);
    assert_eq!(vardiff.share(now, hashes(45), hashes(46)), Some(level(47)));
}

#[test]
fn a_burst_of_shares_raises_by_four_bits_at_most() {
    let start = Instant::now();
    let mut vardiff = Vardiff::new(VardiffConfig::default(), level(45), start);
    let changes = (0..16).filter_map(|_| vardiff.share(start, hashes(45), hashes(46)));
    // The second eight have the old level: they count a sixteenth each.
    assert_eq!(changes.collect::<Vec<_>>(), [level(49)]);
}

#[test]
fn levels_stay_within_floor_and_ceiling() {
    let start = Instant::now();
    let begin = |floor, bits| {
        let config = VardiffConfig {
            floor: level(floor),
            ..VardiffConfig::default()
        };
        Vardiff::new(config, level(bits), start).level().bits()
    };
    assert_eq!(begin(40, 12), 40);
    assert_eq!(begin(40, 256), 64);
    assert_eq!(begin(100, 45), 100);
}

#[test]
fn a_device_that_stops_is_back_at_its_level_half_a_minute_after_its_return() {
    let mut back = 0;
    for seed in 0..200 {
        let mut device = Device::new(seed, 40, 45, 40);
        device.run(1800, |_| KA3);
        device.run(600, |_| 1.0);
        assert_eq!(device.bits(), 40, "seed {seed}");
        assert!(
            device
                .vardiff
                .last_share_level()
                .is_some_and(|level| level.bits() >= 48),
            "seed {seed}"
        );
        let now = device.now();
        assert!(device.vardiff.hash_rate(now) < 0.2 * KA3, "seed {seed}");
        let shares = device.shares;
        device.run(30, |_| KA3);
        back += u32::from((48..=50).contains(&device.bits()));
        assert!(device.shares - shares < 300, "seed {seed}");
        let rate = device.vardiff.hash_rate(device.now()) / KA3;
        assert!((0.3..3.0).contains(&rate), "seed {seed}: {rate}");
        device.run(90, |_| KA3);
        let changes = &device.changes;
        assert!(
            (48..=50).contains(&device.bits()),
            "seed {seed}: {changes:?}"
        );
    }
    println!("{back} of 200 are within one of 2^49 half a minute after their return");
    assert!(back >= 190);
}

#[test]
fn a_pause_raises_nothing_while_it_lasts() {
    for seed in 0..200 {
        let mut device = Device::new(seed, 40, 49, 40);
        device.run(1800, |_| KA3);
        let (before, changes) = (device.bits(), device.changes.len());
        device.run(100, |_| 1.0);
        let during: Vec<_> = device.changes[changes..]
            .iter()
            .map(|(_, bits)| *bits)
            .collect();
        assert_eq!(during, [before - 1, before - 2, before - 3], "seed {seed}");
    }
}

#[test]
fn the_level_follows_a_device_that_warms_up_without_a_step_back() {
    for seed in 0..200 {
        let mut device = Device::new(seed, 40, 45, 40);
        // From a tenth to all of its 32 TH/s in half an hour.
        let rate = |seconds: f64| 32.0 * TERA * (0.1 + 0.9 * (seconds / 1800.0).min(1.0));
        for minute in 1..=60 {
            device.run(60, rate);
            let ideal = (5.0 * rate(device.seconds)).log2();
            let level = f64::from(device.bits());
            if minute >= 5 {
                assert!(
                    ideal - level < 2.6,
                    "seed {seed}, minute {minute}: {:?}",
                    device.changes
                );
                assert!(
                    ideal - level > -1.6,
                    "seed {seed}, minute {minute}: {:?}",
                    device.changes
                );
            }
        }
        assert!(
            device.changes.len() <= 16,
            "seed {seed}: {:?}",
            device.changes
        );
    }
}

#[test]
fn a_fast_device_with_a_ticket_mask_climbs_from_below_it_and_stays() {
    for seed in 0..100 {
        let mut device = Device::new(seed, 20, 20, 40);
        device.run(120, |_| KA3);
        device.run(3600, |_| KA3);
        assert!(
            (48..=50).contains(&device.bits()),
            "seed {seed}: {:?}",
            device.changes
        );
    }
}

#[test]
fn the_level_of_a_slow_device_with_a_ticket_mask_does_not_spiral_down() {
    // 2^37.9 hashes are ideal, but the chips hide all below 2^40: a share in 22 s at any lower
    // level.
    let rate = 0.05 * TERA;
    let mut sum = 0.0;
    for seed in 0..100 {
        let mut device = Device::new(seed, 20, 45, 40);
        // Fifty shares, and some minutes until those before have decayed.
        device.run(2 * 3600, |_| rate);
        let before = device.changes.len();
        for _ in 0..60 {
            device.run(60, |_| rate);
            let rate_of_all = device.vardiff.hash_rate(device.now()) / rate;
            sum += rate_of_all / 6000.0;
        }
        let required = hashes(device.bits());
        let credit = device.vardiff.credit(required).as_f64() / 2_f64.powi(40);
        assert!((1.0..1.1).contains(&credit), "seed {seed}: {credit}");
        let changes = &device.changes;
        assert!(
            (36..=40).contains(&device.bits()),
            "seed {seed}: {changes:?}"
        );
        let levels: Vec<_> = changes[before - 1..]
            .iter()
            .map(|(_, bits)| *bits)
            .collect();
        assert!(levels.is_sorted(), "seed {seed}: {changes:?}");
    }
    println!("on average {sum:.3} of the rate of a device with a ticket mask is seen");
    assert!((0.9..1.1).contains(&sum));
}

#[test]
fn a_device_slower_than_the_floor_stays_there_with_its_rate_known() {
    // A gap of 45 s on average between shares at the floor.
    let rate = 2_f64.powi(40) / 45.0;
    let mut sum = 0.0;
    for seed in 0..200 {
        let mut device = Device::new(seed, 40, 45, 0);
        device.run(7200, |_| rate);
        assert_eq!(device.bits(), 40, "seed {seed}");
        assert!(
            device.changes.len() <= 5,
            "seed {seed}: {:?}",
            device.changes
        );
        sum += device.vardiff.hash_rate(device.now()) / rate;
    }
    assert!((0.9..1.1).contains(&(sum / 200.0)), "{}", sum / 200.0);
}

#[test]
fn other_intervals_than_five_seconds_work_as_well() {
    // At one second an hour has five times as many random changes.
    for (interval, most) in [(1, 20), (30, 4), (120, 3)] {
        for seed in 0..50 {
            let config = VardiffConfig {
                interval: Duration::from_secs(interval),
                ..VardiffConfig::default()
            };
            let mut device = Device::of(config, seed, 45, 40);
            device.run(3600, |_| KA3);
            let shares = device.shares;
            device.run(3600, |_| KA3);
            let mean = 3600.0 / (device.shares - shares) as f64 / interval as f64;
            assert!((0.3..1.7).contains(&mean), "seed {seed}: {mean}");
            assert!(
                device.changes_since(3600.0) <= most,
                "seed {seed}: {:?}",
                device.changes
            );
        }
    }
}

#[test]
fn shares_easier_than_the_level_count_at_their_own_difficulty() {
    // A block's easier target is in force: two shares a second of level 30.
    let start = Instant::now();
    let mut vardiff = Vardiff::new(VardiffConfig::default(), level(45), start);
    for half in 1..=1200 {
        let now = start + Duration::from_millis(500 * half);
        if let Some(new) = vardiff.share(now, hashes(30), hashes(31)) {
            assert!(new < level(45), "{new}");
        }
        vardiff.tick(now);
    }
    assert_eq!(vardiff.level(), level(40));
}
