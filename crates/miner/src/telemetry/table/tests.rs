use std::time::Duration;

use chainweb::Difficulty;
use proptest::prelude::*;
use stratum::{Rejection, Rejections, WorkerName, WorkerSnapshot};

use super::text;
use crate::telemetry::estimate::{ExpectedRate, Rates};
use crate::telemetry::recent::Shares;
use crate::telemetry::snapshot::{Device, DeviceState};
use crate::units::HashRate;

fn stats(user: &str, terahashes: f64) -> WorkerSnapshot {
    WorkerSnapshot {
        name: WorkerName::of_user(user.as_bytes()),
        sessions: 1,
        since: Duration::from_mins(5),
        unseen: Duration::ZERO,
        credited: terahashes * 1e12,
        expected: 0.0,
        accepted: 60,
        accepted_late: 0,
        rejections: Rejections::default(),
        last_share: Some(Duration::from_secs(3)),
        best_of_session: None,
        best: None,
        blocks: 0,
        level: None,
        last_share_level: None,
        agent: None,
        peer: None,
    }
}

/// A device whose hashes were all made within a second.
fn device(stats: WorkerSnapshot, state: DeviceState) -> Device {
    Device {
        rates: Some(Rates([stats.credited; 5])),
        connected: stats.since,
        recent: Shares::default(),
        expected: Some(stats.expected),
        expected_rate: None,
        stats,
        state,
    }
}

fn active(stats: WorkerSnapshot) -> Device {
    device(stats, DeviceState::Active)
}

fn hashes(number: u128) -> Difficulty {
    Difficulty::from_u128(number)
}

#[test]
fn the_table_is_aligned_and_has_problems_first_then_the_fastest() {
    let mut rejections = Rejections::default();
    for rejection in [
        Rejection::Stale,
        Rejection::Stale,
        Rejection::Duplicate,
        Rejection::Malformed,
    ] {
        rejections.add(rejection);
    }
    let ka3 = active(WorkerSnapshot {
        since: Duration::from_hours(80),
        accepted: 57_600,
        accepted_late: 30,
        rejections,
        best: Some(hashes(1 << 62)),
        blocks: 2,
        ..stats("k:0123.attic", 166.0)
    });
    let gone = WorkerSnapshot {
        sessions: 0,
        unseen: Duration::from_secs(754),
        best: Some(hashes(1 << 48)),
        ..stats("cellar", 0.31)
    };
    let gone = device(gone, DeviceState::Disconnected);
    let silent = WorkerSnapshot {
        last_share: Some(Duration::from_secs(190)),
        ..stats("roof", 2.0)
    };
    let silent = device(silent, DeviceState::Silent);
    let stranger = WorkerSnapshot {
        accepted: 0,
        sessions: 0,
        ..stats("scanner", 0.0)
    };
    let stranger = device(stranger, DeviceState::Disconnected);
    let long = active(stats("a.0123456789abcdef0123456789abcdef\n", 1.6));
    let devices = [gone, long, stranger, ka3, silent];
    let expected = "\
device                   |      rate | shares accepted/stale/rejected | best share | blocks found |          since
cellar                   |  0.00 H/s |                         60/0/0 |      281 T |            0 |     off 13 min
roof                     | 2.00 TH/s |                         60/0/0 |       none |            0 | silent 3.2 min
attic                    |  166 TH/s |                     57600/32/2 |     4.61 E |            2 |          3.3 d
0123456789a..89abcdef%0A | 1.60 TH/s |                         60/0/0 |       none |            0 |        5.0 min
all 4                    |  170 TH/s |                     57780/32/2 |     4.61 E |            2 |";
    assert_eq!(text(&devices, 20), expected);

    let shortened = "\
device                  |     rate | shares accepted/stale/rejected | best share | blocks found |      since
cellar                  | 0.00 H/s |                         60/0/0 |      281 T |            0 | off 13 min
3 more: 0 off, 1 silent | 170 TH/s |                     57720/32/2 |     4.61 E |            2 |
all 4                   | 170 TH/s |                     57780/32/2 |     4.61 E |            2 |";
    assert_eq!(text(&devices, 1), shortened);

    let one = "\
device |     rate | shares accepted/stale/rejected | best share | blocks found |   since
a      | 0.00 H/s |                         60/0/0 |       none |            0 | 5.0 min";
    assert_eq!(text(&[active(stats("a", 0.0))], 20), one);
    assert_eq!(text(&[], 20), "");
}

#[test]
fn names_are_measured_and_shortened_in_characters() {
    let umlauts = active(stats(&"äöü".repeat(10), 2.0));
    let table = text(&[umlauts, active(stats("a", 1.0))], 20);
    let columns: Vec<_> = table
        .lines()
        .map(|line| line.chars().position(|c| c == '|'))
        .collect();
    assert_eq!(columns, [Some(25); 4]);
    assert!(table.contains("äöüäöüäöüäö..öüäöüäöüäöü |"), "{table}");
}

#[test]
fn a_device_whose_shares_are_refused_comes_before_faster_ones() {
    let mut rejections = Rejections::default();
    for _ in 0..10 {
        rejections.add(Rejection::Duplicate);
    }
    let refused = active(WorkerSnapshot {
        rejections,
        ..stats("refused", 1.0)
    });
    let table = text(&[active(stats("fast", 100.0)), refused], 20);
    let names: Vec<_> = table
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, ["device", "refused", "fast", "all"]);
}

proptest! {
    #[test]
    fn columns_are_aligned_for_any_names(users: Vec<Vec<u8>>, most in 0..5_usize) {
        let devices: Vec<_> = users
            .iter()
            .map(|user| active(WorkerSnapshot {
                name: WorkerName::of_user(user),
                ..stats("", 1.0)
            }))
            .collect();
        let columns = |line: &str| {
            let bars = line.chars().enumerate().filter(|(_, c)| *c == '|');
            bars.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let table = text(&devices, most);
        let head = columns(table.lines().next().unwrap_or_default());
        prop_assert!(table.lines().all(|line| columns(line) == head), "{}", table);
        let singles = devices.len().min(most);
        let sums = usize::from(devices.len() > singles) + usize::from(devices.len() > 1);
        let head_lines = usize::from(!devices.is_empty());
        prop_assert_eq!(table.lines().count(), head_lines + singles + sums);
    }
}

#[test]
fn a_rate_is_compared_with_the_expected_one_where_that_is_known() {
    let expecting = |terahashes: f64| Device {
        expected_rate: Some(ExpectedRate::Configured(HashRate(4e12))),
        ..active(stats("k.a", terahashes))
    };
    let rates = |devices: &[Device]| {
        let table = text(devices, 10);
        let rates = table.lines().skip(1).map(|row| row.split(" | ").nth(1));
        rates
            .map(|rate| rate.expect("a column").trim().to_owned())
            .collect::<Vec<_>>()
    };
    let slow = expecting(1.0);
    let both = ["4.20 TH/s (105 %)", "1.00 TH/s (25 %)", "5.20 TH/s (65 %)"];
    assert_eq!(rates(&[slow.clone(), expecting(4.2)]), both);
    let one = ["2.00 TH/s", "1.00 TH/s (25 %)", "3.00 TH/s"];
    assert_eq!(rates(&[slow, active(stats("k.b", 2.0))]), one);
    let of_blocks = Device {
        rates: None,
        ..active(stats("k.a", 1.0))
    };
    assert_eq!(rates(&[of_blocks]), ["unknown"]);
}
