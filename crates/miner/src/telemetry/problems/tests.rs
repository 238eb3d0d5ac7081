//! Staged states, each with its first problem, and limits that a figure moves around.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Level;
use node::{Skew, Version};
use stratum::{Rejection, Rejections, WorkerName, WorkerSnapshot};

use super::problems;
use crate::history::DiskFault;
use crate::job::{NodeId, Proof};
use crate::meter::{Rate, Reading};
use crate::telemetry::Standing;
use crate::telemetry::counters::{Counters, NodeCounts};
use crate::telemetry::estimate::{ExpectedRate, Rates};
use crate::telemetry::event::{FailureCause, NodeEvent, RequestKind};
use crate::telemetry::problem::{Kind, Lost, Problem, Severity};
use crate::telemetry::recent::Shares;
use crate::telemetry::snapshot::{
    Device, DeviceState, Devices, Hashing, Network, NodeFailure, NodeSnapshot, Payee, Program,
    Snapshot,
};
use crate::units::HashRate;

/// A network of ASICs that works, an hour after the start.
fn well() -> Snapshot {
    let rate = Rate::Hashed(HashRate(216e12));
    let program = Program {
        version: "1",
        payee: Payee::Account("k:f89e".to_owned()),
    };
    Snapshot {
        nodes: vec![NodeSnapshot {
            address: "10.0.0.5:1848".to_owned(),
            network: Some(Network {
                version: "mainnet01".parse().expect("a name"),
                chains: 20,
            }),
            clock_skew: Some(skew(0)),
            is_serving: true,
            ..NodeSnapshot::default()
        }],
        counters: Counters {
            jobs: 100,
            ..Counters::default()
        },
        is_kept: true,
        worked: Duration::from_hours(1),
        stale_percent: Some(0.4),
        hashing: Hashing {
            present: rate,
            mean: rate,
            counted: Reading::default(),
        },
        devices: Some(Arc::new(Devices {
            at: Instant::now(),
            each: ["ka3-1", "ka3-2", "ka3-3", "ka3-4"].map(device).into(),
            server: stratum::Counts::default(),
        })),
        ..Snapshot::new(Instant::now(), Duration::from_hours(1), program)
    }
}

fn device(name: &str) -> Device {
    Device {
        stats: WorkerSnapshot {
            name: WorkerName::of_user(name.as_bytes()),
            sessions: 1,
            since: Duration::from_hours(30),
            unseen: Duration::ZERO,
            credited: 1e18,
            expected: 0.1,
            accepted: 1000,
            accepted_late: 2,
            rejections: Rejections::default(),
            last_share: Some(Duration::from_secs(4)),
            best_of_session: None,
            best: None,
            blocks: 0,
            level: Level::new(48),
            last_share_level: None,
            agent: None,
            peer: None,
        },
        rates: Some(Rates([54e12; 5])),
        connected: Duration::from_hours(30),
        expected: Some(0.1),
        expected_rate: Some(ExpectedRate::Configured(HashRate(54e12))),
        recent: shares(100, 1, Rejection::Stale),
        state: DeviceState::Active,
    }
}

fn shares(accepted: u64, refused: u64, reason: Rejection) -> Shares {
    let mut rejections = Rejections::default();
    for _ in 0..refused {
        rejections.add(reason);
    }
    Shares {
        accepted,
        rejections,
    }
}

fn skew(seconds: i64) -> Skew {
    Skew::from_stamp(100 + seconds, 100_000_000, Duration::ZERO)
}

/// Changes the devices.
fn devices(snapshot: &mut Snapshot, change: impl Fn(usize, &mut Device)) {
    let devices = snapshot.devices.as_mut().expect("there are devices");
    let devices = Arc::get_mut(devices).expect("it is the only one");
    for (at, device) in devices.each.iter_mut().enumerate() {
        change(at, device);
    }
}

/// Makes requests fail for a time.
fn fail(snapshot: &mut Snapshot, request: RequestKind, cause: FailureCause, seconds: u64) {
    let failure = NodeFailure {
        cause,
        error: "the error".to_owned(),
        since: snapshot.at,
    };
    snapshot.at += Duration::from_secs(seconds);
    snapshot.nodes[0].failures.insert(request, failure);
}

#[track_caller]
fn check(stage: impl FnOnce(&mut Snapshot), kind: Kind, severity: Severity, parts: &[&str]) {
    let mut snapshot = well();
    stage(&mut snapshot);
    let found = problems(&snapshot, &[]);
    let first = found.first().expect("there is a problem");
    assert_eq!((first.kind, first.severity), (kind, severity), "{first}");
    let text = first.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[track_caller]
fn check_none(stage: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = well();
    stage(&mut snapshot);
    assert_eq!(problems(&snapshot, &[]), []);
}

#[test]
fn all_is_well() {
    check_none(|_| {});
}

#[test]
fn each_staged_state_is_the_first_problem_with_its_remedy() {
    use FailureCause::{Foreign, Misconfigured, NotServed, Proxy, Tls, Unreachable};
    use RequestKind::{Info, Work};
    use Severity::Stopped;
    let down = |cause| move |state: &mut Snapshot| fail(state, Work, cause, 60);
    check(
        down(Unreachable),
        Kind::NodeDown,
        Stopped,
        &["Node 10.0.0.5:1848 cannot be reached. It costs 216 TH/s, 18.7 Ehashes a day. Start"],
    );
    check(down(Tls), Kind::NodeTls, Stopped, &["https", "doctor"]);
    check(down(Proxy), Kind::ProxyInTheWay, Stopped, &["no_proxy"]);
    check(down(Foreign), Kind::ProxyInTheWay, Stopped, &["login page"]);
    check(
        |state| fail(state, Work, Misconfigured, 0),
        Kind::KeyRefused,
        Stopped,
        &["refuses to mine for your key", "--mining-public-key"],
    );
    check(
        |state| fail(state, Work, NotServed, 60),
        Kind::MiningDisabled,
        Stopped,
        &["--enable-mining-coordination"],
    );
    check(
        |state| fail(state, Info, NotServed, 60),
        Kind::NotANode,
        Stopped,
        &["service port"],
    );
    check(
        |state| state.nodes[0].faults.rejects_all = Some(Proof::None),
        Kind::PowRequired,
        Stopped,
        &["--disable-pow"],
    );
    check(
        |state| state.nodes[0].faults.rejects_all = Some(Proof::Verified),
        Kind::OtherRules,
        Stopped,
        &["other rules", "its own client"],
    );
    check(
        |state| state.without_work = Duration::from_secs(30),
        Kind::NoWork,
        Stopped,
        &["No work arrives", "catching up"],
    );
}

#[test]
fn each_staged_state_of_streams_and_blocks_is_the_first_problem_with_its_remedy() {
    use Severity::{Losing, Stopped};
    check(
        |state| state.nodes[0].faults.updates_silent = true,
        Kind::StreamsSilent,
        Losing,
        &["reports no new blocks", "proxy_buffering off"],
    );
    check(
        |state| fail(state, RequestKind::Updates, FailureCause::Refused, 60),
        Kind::StreamsRefused,
        Losing,
        &["opens no update streams", "/chainweb/"],
    );
    check(
        |state| state.nodes[0].clock_skew = Some(skew(12)),
        Kind::ClockOff,
        Losing,
        &["is 12 s ahead", "NTP"],
    );
    check(
        |state| state.nodes[0].faults.late_blocks = 3,
        Kind::BlocksLate,
        Stopped,
        &["The last 3 blocks", "orphaned", "doctor"],
    );
    check(
        |state| state.nodes[0].faults.rejected = Some((state.at, "no".to_owned())),
        Kind::BlocksRejected,
        Losing,
        &["rejected a block: no.", "doctor"],
    );
    check(
        |state| {
            state.nodes[0].faults.submission_failing = true;
            state.counters.solutions_open = 2;
        },
        Kind::BlocksWaiting,
        Losing,
        &["to take them: 2", "five minutes"],
    );
    check(
        |state| {
            let before: Version = "testnet06".parse().expect("a name");
            state.nodes[0].faults.network_before = Some(before);
        },
        Kind::OtherNetwork,
        Losing,
        &["serves the network mainnet01, not testnet06"],
    );
    check(
        |state| state.program.payee = Payee::NoKey,
        Kind::NoPublicKey,
        Stopped,
        &["--public-key"],
    );
    check(
        |state| state.stale_percent = Some(5.0),
        Kind::WorkStale,
        Losing,
        &["5.0 % of the work", "10.8 TH/s", "doctor"],
    );
    check(
        |state| state.disk_fault = Some(DiskFault::Full),
        Kind::DiskFailing,
        Losing,
        &["disk", "full", "Free space", "--data-dir"],
    );
    check(
        |state| state.disk_fault = Some(DiskFault::Locked),
        Kind::DiskFailing,
        Losing,
        &["locked", "End the program"],
    );
    check(
        |state| state.disk_fault = Some(DiskFault::ReadOnly),
        Kind::DiskFailing,
        Losing,
        &["read-only", "permissions"],
    );
}

/// Two more nodes, and the standing of all for a time.
fn several(snapshot: &mut Snapshot, standings: [Standing; 3], seconds: u64) {
    let first = snapshot.nodes[0].clone();
    let nodes = (5..).zip(standings).map(|(host, standing)| {
        let mut node = first.clone();
        node.address = format!("10.0.0.{host}:1848");
        node.standing = standing;
        node.faults.standing_since = Some(snapshot.at);
        node
    });
    snapshot.nodes = nodes.collect();
    snapshot.at += Duration::from_secs(seconds);
    let counts = |cut_height| NodeCounts {
        cut_height: Some(cut_height),
        ..NodeCounts::default()
    };
    snapshot.counters.nodes = [800, 788, 900].map(counts).into();
}

#[test]
fn each_staged_state_of_several_nodes_is_the_first_problem_with_its_remedy() {
    use Severity::{Losing, Stopped};
    use Standing::{Behind, Forked, OtherNetwork, Ready, Unreachable};
    check(
        |state| several(state, [Ready, Behind, Forked], 60),
        Kind::NodeForked,
        Losing,
        &["Node 10.0.0.7:1848 is on a fork", "peers"],
    );
    check(
        |state| several(state, [Ready, Behind, OtherNetwork], 60),
        Kind::OtherNetwork,
        Losing,
        &["Node 10.0.0.7:1848 serves another network", "--node"],
    );
    check(
        |state| {
            several(state, [Ready, Behind, Ready], 60);
            state.counters.nodes[2].cut_height = Some(799);
        },
        Kind::NodeBehind,
        Losing,
        &["Node 10.0.0.6:1848 is 12 blocks behind", "disk"],
    );
    check(
        |state| several(state, [Ready, Unreachable, Ready], 10),
        Kind::NodeDown,
        Losing,
        &["Node 10.0.0.6:1848 does not answer"],
    );
    check_none(|state| several(state, [Ready, Unreachable, Ready], 9));
    check(
        |state| several(state, [Unreachable; 3], 10),
        Kind::AllNodesGone,
        Stopped,
        &[
            "None of the 3 nodes can be reached. It costs 216 TH/s",
            "network",
        ],
    );
    check(
        |state| several(state, [Unreachable, Behind, Forked], 10),
        Kind::AllNodesGone,
        Stopped,
        &["None of the 3 nodes is of use", "Mend"],
    );
    check_none(|state| several(state, [Unreachable; 3], 9));
}

#[test]
fn the_lag_is_that_behind_the_highest_node_of_the_network() {
    use Standing::{Behind, Forked, OtherNetwork, Ready};
    let lags = |standings| {
        let mut state = well();
        several(&mut state, standings, 0);
        [0, 1, 2].map(|node| state.lag_blocks(NodeId(node)))
    };
    assert_eq!(lags([Ready; 3]), [Some(100), Some(112), Some(0)]);
    let without_the_last = [Some(0), Some(12), None];
    assert_eq!(lags([Ready, Behind, Forked]), without_the_last);
    assert_eq!(lags([Ready, Ready, OtherNetwork]), without_the_last);
    let mut one = well();
    one.counters.nodes = vec![NodeCounts {
        cut_height: Some(1),
        ..NodeCounts::default()
    }];
    assert_eq!(one.lag_blocks(NodeId(0)), None);
}

#[test]
fn that_no_node_is_reached_is_one_problem_and_else_each_node_has_its_own() {
    use Standing::{Behind, Ready, Unreachable};
    let kinds = |standings| {
        let mut state = well();
        several(&mut state, standings, 60);
        let found = problems(&state, &[]);
        found.iter().map(|problem| problem.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds([Unreachable; 3]), [Kind::AllNodesGone]);
    let mixed = kinds([Unreachable, Unreachable, Behind]);
    let each = [Kind::NodeDown, Kind::NodeDown, Kind::NodeBehind];
    assert_eq!(mixed[..1], [Kind::AllNodesGone]);
    assert_eq!(mixed[1..], each);
    // A node that only insures issues no work.
    let mut insured = well();
    several(&mut insured, [Unreachable, Ready, Ready], 60);
    insured.nodes[2].is_submit_only = true;
    insured.nodes.remove(1);
    let found = problems(&insured, &[]);
    let found: Vec<_> = found.iter().map(|it| (it.kind, it.severity)).collect();
    assert_eq!(found, [(Kind::NodeDown, Severity::Stopped)]);
    let some = kinds([Unreachable, Unreachable, Ready]);
    assert_eq!(some, [Kind::NodeDown, Kind::NodeDown]);
}

#[test]
fn a_node_that_comes_and_goes_is_a_problem_until_it_stays() {
    let mut state = well();
    several(&mut state, [Standing::Ready; 3], 0);
    let mut before = Vec::new();
    let mut kinds = |state: &Snapshot| {
        before = problems(state, &before);
        let kinds = before.iter().map(|problem| problem.kind);
        kinds.collect::<Vec<_>>()
    };
    for times in 1..=4 {
        assert_eq!(kinds(&state), [], "{times}");
        state.at += Duration::from_mins(2);
        for (standing, before) in [
            (Standing::Unreachable, Standing::Ready),
            (Standing::Behind, Standing::Unreachable),
            (Standing::Ready, Standing::Behind),
        ] {
            let event = NodeEvent::Standing { standing, before };
            state.nodes[1].faults.note(state.at, &event);
        }
    }
    assert_eq!(kinds(&state), [Kind::NodeFlapping]);
    let text = problems(&state, &[])[0].to_string();
    assert!(
        text.contains("10.0.0.6:1848") && text.contains("4 times"),
        "{text}"
    );
    state.at += Duration::from_mins(7);
    assert_eq!(kinds(&state), [Kind::NodeFlapping]);
    state.at += Duration::from_mins(2);
    assert_eq!(kinds(&state), []);
}

/// Changes the first devices.
fn first(count: usize, change: fn(&mut Device)) -> impl Fn(&mut Snapshot) {
    move |state| {
        devices(state, |at, device| {
            if at < count {
                change(device);
            }
        });
    }
}

fn gone(device: &mut Device) {
    device.state = DeviceState::Disconnected;
    device.stats.unseen = Duration::from_mins(5);
}

#[test]
fn each_staged_state_of_devices_is_the_first_problem_with_its_remedy() {
    use Severity::{Losing, Stopped};
    check(
        first(1, |device| device.state = DeviceState::Silent),
        Kind::DeviceSilent,
        Losing,
        &[
            "Device ka3-1 is connected, but sending no shares",
            "54.0 TH/s",
            "Restart",
        ],
    );
    check(
        first(3, gone),
        Kind::DeviceGone,
        Losing,
        &[
            "3 devices (ka3-1, ka3-2, ka3-3) are no longer",
            "162 TH/s",
            "power",
        ],
    );
    check(
        first(4, gone),
        Kind::NoDevice,
        Stopped,
        &["No device is connected", "216 TH/s", "Stratum port"],
    );
    check(
        first(1, |device| {
            device.recent = shares(92, 8, Rejection::LowDifficulty);
        }),
        Kind::SharesRefused,
        Losing,
        &[
            "Device ka3-1 has 8 % of all shares refused",
            "too easy",
            "cooling",
        ],
    );
    // A device may restart, and one that never worked is none to miss.
    check_none(first(1, |device| device.state = DeviceState::Disconnected));
    check_none(first(1, |device| {
        gone(device);
        device.stats.accepted = 0;
    }));
}

#[test]
fn a_device_is_slow_against_its_expected_rate_unless_that_may_be_chance() {
    let slow = |device: &mut Device| device.rates = Some(Rates([40e12; 5]));
    check(
        first(1, slow),
        Kind::DeviceSlow,
        Severity::Losing,
        &["Device ka3-1 is slower", "14.0 TH/s", "too hot"],
    );
    check_none(first(1, |device| device.rates = Some(Rates([45e12; 5]))));
    check_none(|state| {
        state.worked = Duration::from_mins(59);
        first(1, slow)(state);
    });
    check_none(first(4, |device| {
        device.rates = Some(Rates([40e12; 5]));
        device.connected = Duration::from_mins(59);
    }));
    check_none(first(4, |device| {
        device.rates = Some(Rates([40e12; 5]));
        device.stats.level = Level::new(52);
    }));
}

#[test]
fn the_first_device_has_time_to_connect() {
    let without = |minutes| {
        let mut state = well();
        state.elapsed = Duration::from_mins(minutes);
        let devices = state.devices.as_mut().and_then(Arc::get_mut);
        devices.expect("it is the only one").each.clear();
        problems(&state, &[])
            .iter()
            .map(|problem| problem.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(without(2), []);
    assert_eq!(without(3), [Kind::NoDevice]);
}

#[test]
fn a_failure_that_passes_by_itself_is_no_problem_at_once() {
    let fails =
        |cause, seconds| move |state: &mut Snapshot| fail(state, RequestKind::Work, cause, seconds);
    check_none(fails(FailureCause::Unreachable, 9));
    check_none(fails(FailureCause::Refused, 9));
    check(
        fails(FailureCause::Refused, 10),
        Kind::NoWork,
        Severity::Stopped,
        &["issues no work"],
    );
}

#[test]
fn what_follows_from_a_node_that_is_down_is_no_problem_of_its_own() {
    let mut state = well();
    state.without_work = Duration::from_hours(1);
    fail(
        &mut state,
        RequestKind::Updates,
        FailureCause::Unreachable,
        60,
    );
    fail(&mut state, RequestKind::Work, FailureCause::Unreachable, 60);
    state.nodes[0].faults.submission_failing = true;
    state.disk_fault = Some(DiskFault::Other);
    first(2, |device| device.state = DeviceState::Silent)(&mut state);
    let kinds: Vec<_> = problems(&state, &[])
        .iter()
        .map(|problem| problem.kind)
        .collect();
    assert_eq!(kinds, [Kind::NodeDown, Kind::DiskFailing]);
}

#[test]
fn a_figure_that_moves_around_a_limit_makes_one_problem() {
    let mut before: Vec<Problem> = Vec::new();
    // Stale per cent, seconds of skew, refused shares of 100, and the problems.
    for (stale, seconds, refused, expected) in [
        (3.9, 4, 4, &[][..]),
        (
            4.1,
            6,
            5,
            &[Kind::ClockOff, Kind::SharesRefused, Kind::WorkStale],
        ),
        (
            2.6,
            4,
            3,
            &[Kind::ClockOff, Kind::SharesRefused, Kind::WorkStale],
        ),
        (2.4, 2, 2, &[]),
        (3.9, 4, 4, &[]),
    ] {
        let mut state = well();
        state.stale_percent = Some(stale);
        state.nodes[0].clock_skew = Some(skew(seconds));
        devices(&mut state, |at, device| {
            if at == 2 {
                device.recent = shares(100 - refused, refused, Rejection::Stale);
            }
        });
        before = problems(&state, &before);
        let kinds: Vec<_> = before.iter().map(|problem| problem.kind).collect();
        assert_eq!(kinds, expected, "{stale} {seconds} {refused}");
    }
}

#[test]
fn the_cost_is_in_blocks_a_day_if_they_are_many_enough() {
    #[track_caller]
    fn check(blocks_per_day: Option<f64>, text: &str) {
        let rate = HashRate(3.2e12);
        let lost = Lost {
            rate,
            blocks_per_day,
        };
        assert_eq!(lost.to_string(), text);
    }
    check(Some(12.34), "3.20 TH/s, about 12 blocks a day");
    check(Some(1.26), "3.20 TH/s, about 1.3 blocks a day");
    check(Some(0.0412), "3.20 TH/s, about 0.04 blocks a day");
    check(Some(0.001), "3.20 TH/s, 276 Phashes a day");
    check(None, "3.20 TH/s, 276 Phashes a day");
}

#[test]
fn names_of_kinds_are_stable() {
    let names = [Kind::NodeDown, Kind::NotANode, Kind::WorkStale].map(Kind::name);
    assert_eq!(names, ["node_down", "not_a_node", "work_stale"]);
}
