//! Update streams that stay open and report nothing.

use super::pieces::piece;
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
