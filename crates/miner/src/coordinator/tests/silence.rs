//! Update streams that stay open and report nothing.

use super::pieces::{piece, timeout};
use super::script::{Script, config};
use crate::coordinator::Config;
use crate::telemetry::Event;
use crate::telemetry::event::NodeEvent;
use crate::timing::Timing;

#[track_caller]
fn mining() -> Script {
    let mut s = Script::mining_with(&Config {
        timing: Timing::default(),
        ..config(1)
    });
    s.reports();
    s
}

/// The reports about the update streams since the last call: whether each is a warning.
fn warnings(s: &mut Script) -> Vec<bool> {
    let events = s.reports().into_iter();
    events
        .filter_map(|event| match event {
            Event::Node(_, NodeEvent::UpdatesSilent { .. }) => Some(true),
            Event::Node(_, NodeEvent::UpdatesResumed { .. }) => Some(false),
            _ => None,
        })
        .collect()
}

#[test]
fn a_cut_that_moves_without_an_update_reopens_the_streams() {
    let mut s = mining();
    s.at(10_000).tick().gives(&["cut"]);
    s.at(10_010).cut(&[(0, 5, 0)]).gives(&["publish", "work"]);
    s.at(10_020).work(piece(0, 6, 'a')).gives(&["publish 0:6a"]);
    assert!(warnings(&mut s).is_empty(), "the update can be under way");
    assert_eq!(s.wakeup_ms(), Some(12_010));
    s.at(12_010).tick().gives(&[
        "unsubscribe",
        "listen to net/0",
        "listen to net/1",
        "listen to net/2",
        "listen to net/3",
        "cut",
    ]);
    assert_eq!(warnings(&mut s), [true]);
    for chain in 0..4 {
        s.opened(chain);
    }
    // A stream that was only opened proves nothing: the cut is compared.
    s.at(12_020).cut(&[(0, 6, 0)]).gives(&["publish", "work"]);
    assert!(warnings(&mut s).is_empty(), "once");
    s.at(12_030).new_cut(1).gives(&[]);
    assert_eq!(warnings(&mut s), [false]);
}

#[test]
fn a_node_without_updates_and_answers_is_reported_within_fifteen_seconds() {
    let mut s = mining();
    s.at(5_000).new_cut(1);
    // A request for the cut can be in flight when the connections fall silent.
    s.at(7_000).lost(0).gives(&["cut"]);
    assert_eq!(
        s.cut_within_ms(),
        Some(12_000),
        "the limit of the client is shorter"
    );
    s.at(7_010).cut(&[(0, 0, 0)]).gives(&[]);
    s.at(17_010).tick().gives(&["cut"]);
    assert_eq!(s.cut_within_ms(), Some(4_000));
    s.at(19_900).cut_fails(&timeout()).gives(&[]);
    let reports = s.reports();
    let failed = |event: &Event| matches!(event, Event::Node(_, NodeEvent::RequestFailed { .. }));
    assert!(reports.iter().any(failed), "{reports:?}");
    // It is requested again until it is answered, with the limit of the client.
    s.at(20_000).tick().gives(&["cut"]);
    assert_eq!(s.cut_within_ms(), None);
}

#[test]
fn an_update_soon_after_the_cut_is_no_fault() {
    let mut s = mining();
    s.at(10_000).tick().gives(&["cut"]);
    s.at(10_010).cut(&[(0, 5, 0)]).gives(&["publish", "work"]);
    s.at(10_050).new_cut(0);
    s.at(12_010).tick().gives(&[]);
    assert!(warnings(&mut s).is_empty());
}

#[test]
fn silence_without_a_new_block_is_no_fault() {
    let mut s = mining();
    let (mut requests, mut ms) = (0, 0);
    while ms < 110_000 {
        ms += 100;
        s.at(ms);
        if s.tick_requests_cut() {
            s.cut(&[(0, 0, 0)]).gives(&[]);
            requests += 1;
        }
    }
    assert!((3..=6).contains(&requests), "{requests}");
    assert!(warnings(&mut s).is_empty());
}

/// Lets time pass while the cut has this tip. The streams of the other chains report an update
/// every five seconds, if they do. Returns the streams opened meanwhile, each with its time in
/// seconds.
fn pass(s: &mut Script, until_ms: u64, tip: (u32, u64, u8), others: bool) -> Vec<(u64, u32)> {
    let mut opened = Vec::new();
    while s.ms() < until_ms {
        let (ms, before) = (s.ms() + 100, s.subscriptions());
        s.at(ms).tick();
        if others && ms % 5000 == 0 {
            for chain in 1..4 {
                s.new_cut(chain);
            }
        }
        while s.is_cut_requested() || s.is_work_requested() {
            if s.is_cut_requested() {
                s.cut(&[tip]);
            } else {
                s.work(piece(tip.0, tip.1 + 1, 'a'));
            }
        }
        let now = s.subscriptions().into_iter();
        let new = now.filter(|(chain, seq)| before.get(chain) != Some(seq));
        opened.extend(new.map(|(chain, _)| (ms / 1000, chain)));
    }
    opened
}

#[test]
fn one_held_stream_among_others_is_opened_again_alone() {
    let mut s = mining();
    assert!(pass(&mut s, 25_000, (0, 0, 0), true).is_empty());
    let opened = pass(&mut s, 35_000, (0, 1, 0), true);
    let chains: Vec<_> = opened.iter().map(|(_, chain)| *chain).collect();
    assert_eq!(chains, [0]);
    assert_eq!(warnings(&mut s), [true]);
    // Its job is unwatched: the cut is compared, also once the stream is open.
    for height in 2..4 {
        s.opened(0);
        let ms = s.ms() + 1200;
        pass(&mut s, ms, (0, height, 0), true);
        assert_eq!(s.live(), [format!("0:{}a", height + 1)]);
    }
    assert!(warnings(&mut s).is_empty(), "the others prove nothing");
    s.new_cut(0);
    assert_eq!(warnings(&mut s), [false]);
}

#[test]
fn streams_that_stay_silent_are_opened_again_more_and_more_rarely() {
    let mut s = mining();
    let mut opened = Vec::new();
    for height in 1..250 {
        let ms = s.ms() + 2000;
        for (at, chain) in pass(&mut s, ms, (0, height, 0), false) {
            s.opened(chain);
            if chain == 0 {
                opened.push(at);
            }
        }
    }
    let pauses: Vec<_> = opened.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((15..20).contains(&pauses[0]), "{pauses:?}");
    assert!((30..35).contains(&pauses[1]), "{pauses:?}");
    assert!(
        pauses[2..].iter().all(|pause| (60..65).contains(pause)),
        "{pauses:?}"
    );
    assert_eq!(warnings(&mut s), [true]);
}
