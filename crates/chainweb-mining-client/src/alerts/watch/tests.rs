//! Which alerts are due as problems begin and end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chainweb::ChainId;
use miner::job::{JobId, NodeId};
use miner::telemetry::event::{BlockEvent, BlockRef, Event};
use miner::telemetry::problem::{Kind, Problem, Severity};
use miner::telemetry::snapshot::Record;

use super::Watch;

/// What a watch sees, second by second.
struct Story {
    watch: Watch,
    start: Instant,
    events: Vec<Arc<Record>>,
}

impl Story {
    fn new(max_per_hour: usize) -> Self {
        Self {
            watch: Watch::new(max_per_hour),
            start: Instant::now(),
            events: Vec::new(),
        }
    }

    /// Returns kind, state and subjects of the alerts that are due at a second with these problems.
    fn at(&mut self, second: u64, problems: &[(Kind, &[&str])]) -> Vec<String> {
        let notices = self.notices(second, problems).into_iter();
        notices
            .map(|notice| {
                let subjects = notice.subjects.join(" ");
                format!("{} {} {subjects}", notice.kind, notice.state.name())
            })
            .collect()
    }

    fn notices(
        &mut self,
        second: u64,
        problems: &[(Kind, &[&str])],
    ) -> Vec<crate::alerts::notice::Notice> {
        let problems: Vec<_> = problems.iter().map(|problem| staged(*problem)).collect();
        let now = self.start + Duration::from_secs(second);
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        self.watch.observe_at(now, &problems, &self.events, clock)
    }

    fn block(&mut self, event: BlockEvent) {
        let block = BlockRef {
            job: JobId(1),
            node: NodeId(0),
            chain: ChainId::new(3),
            height: 70,
            hash: None,
        };
        self.events.push(Arc::new(Record {
            sequence: self.events.len() as u64,
            at: self.start,
            event: Event::Block(block, event),
        }));
    }
}

fn staged((kind, subjects): (Kind, &[&str])) -> Problem {
    Problem {
        kind,
        severity: Severity::Losing,
        subjects: subjects.iter().map(ToString::to_string).collect(),
        what: "It is wrong.".to_owned(),
        remedy: "Mend it.".to_owned(),
        lost: None,
    }
}

#[test]
fn a_problem_is_raised_once_and_cleared_once() {
    let mut story = Story::new(100);
    let down: &[(Kind, &[&str])] = &[(Kind::NodeDown, &["node"])];
    for (second, problems, expected) in [
        (0, down, &[][..]),
        (29, down, &[]),
        (30, down, &["node_down raised node"]),
        (31, down, &[]),
        (4000, down, &[]),
        // It comes back within a minute: that is the same.
        (4001, &[], &[]),
        (4060, down, &[]),
        (4100, &[], &[]),
        (4119, &[], &[]),
        (4120, &[], &["node_down cleared node"]),
        (4200, &[], &[]),
    ] {
        assert_eq!(story.at(second, problems), expected, "{second}");
    }
}

#[test]
fn a_problem_that_passes_is_no_alert() {
    let mut story = Story::new(100);
    for second in 0..1000 {
        let problems: &[(Kind, &[&str])] = &[(Kind::ClockOff, &["node"])];
        let problems = if second % 30 == 29 { &[] } else { problems };
        assert_eq!(story.at(second, problems), [""; 0], "{second}");
    }
}

#[test]
fn a_farm_that_restarts_is_one_alert_and_one_recovery() {
    let mut story = Story::new(100);
    let names: Vec<String> = (0..500).map(|device| format!("d{device:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut alerts = Vec::new();
    for second in 0..2000_usize {
        // One goes each tenth of a second, and comes back two minutes later.
        let gone = (second * 10).min(500);
        let back = (second * 10).saturating_sub(1200).min(500);
        let problems: &[(Kind, &[&str])] = &[(Kind::DeviceGone, &names[back..gone])];
        let problems = if back < gone { problems } else { &[] };
        alerts.extend(story.notices(second as u64, problems));
    }
    let counts: Vec<_> = alerts.iter().map(|alert| alert.count).collect();
    assert_eq!(counts, [310, 310], "{alerts:?}");
}

#[test]
fn new_devices_of_a_problem_are_another_alert_after_a_while() {
    let mut story = Story::new(100);
    let mut at = |second, names: &[&str]| story.at(second, &[(Kind::DeviceSilent, names)]);
    at(0, &["a"]);
    assert_eq!(at(30, &["a"]), ["device_silent raised a"]);
    at(40, &["a", "b"]);
    assert_eq!(at(329, &["a", "b", "c"]), [""; 0]);
    assert_eq!(at(330, &["a", "b", "c"]), ["device_silent raised b c"]);
}

#[test]
fn blocks_of_a_kind_are_one_alert() {
    let mut story = Story::new(100);
    for depth in 1..=3 {
        story.block(BlockEvent::Confirmed { depth });
    }
    story.block(BlockEvent::Stale);
    let texts: Vec<_> = story
        .notices(1, &[])
        .into_iter()
        .map(|notice| notice.text)
        .collect();
    assert_eq!(
        texts,
        [
            "Block confirmed: chain 3, height 70, 1 blocks deep. And 2 more.",
            "Block lost: chain 3, height 70. It came too late."
        ]
    );
    assert_eq!(story.at(2, &[]), [""; 0]);
}

#[test]
fn beyond_the_limit_alerts_are_summed_up_and_blocks_leave_room_for_problems() {
    let mut story = Story::new(4);
    let mut sent = Vec::new();
    let down: &[(Kind, &[&str])] = &[(Kind::NodeDown, &["node"])];
    for second in 0..100 {
        story.block(BlockEvent::Stale);
        sent.extend(story.notices(second, down));
    }
    let kinds: Vec<_> = sent.iter().map(|notice| notice.kind.as_str()).collect();
    assert_eq!(kinds, ["block_lost", "block_lost", "node_down"]);
    // An hour after the first two, there is room.
    let texts: Vec<_> = story
        .notices(3601, down)
        .into_iter()
        .map(|notice| notice.text)
        .collect();
    assert_eq!(
        texts,
        ["More than 4 alerts an hour. Not sent: Block lost: 98."]
    );
    assert_eq!(story.at(3602, down), [""; 0]);
}
