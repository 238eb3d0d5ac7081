//! Update streams that stay open and report nothing.

use std::collections::BTreeMap;

use chainweb::BlockHash;

use super::pieces::{block, piece, timeout};
use super::script::{Script, config};
use crate::coordinator::Config;
use crate::coordinator::event::Seq;
use crate::telemetry::Event;
use crate::telemetry::event::{BlockEvent, NodeEvent};
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
    for chain in 1..4 {
        s.at(12_030).new_cut(chain).gives(&[]);
        assert!(warnings(&mut s).is_empty(), "chain 0 is still silent");
    }
    s.refreshed(0);
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
fn streams_that_fall_silent_again_and_again_are_reported_once_in_ten_minutes() {
    let mut s = mining();
    let (mut height, mut reports) = (0, Vec::new());
    while s.ms() < 1_500_000 {
        let ms = s.ms() + 40_000;
        pass(&mut s, ms, (0, height, 0), true);
        height += 1;
        let ms = s.ms() + 40_000;
        for (_, chain) in pass(&mut s, ms, (0, height, 0), true) {
            s.opened(chain);
        }
        s.new_cut(0);
        let ms = s.ms();
        reports.extend(warnings(&mut s).into_iter().map(|warning| (ms, warning)));
    }
    let warned = |(ms, warning): &(u64, bool)| warning.then_some(*ms);
    let times: Vec<_> = reports.iter().filter_map(warned).collect();
    assert!((2..=3).contains(&times.len()), "{reports:?}");
    let mut pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.all(|pause| pause >= 590_000), "{reports:?}");
    let mut pairs = reports.chunks(2);
    assert!(
        pairs.all(|pair| matches!(pair, [(_, true), (_, false)])),
        "{reports:?}"
    );
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

/// Lets ten minutes pass on a network that answers every request with these tips, of which
/// `grows` is called every second. Returns the number of requests in each minute.
fn requests(
    s: &mut Script,
    tips: &mut BTreeMap<u32, (u64, BlockHash)>,
    mut grows: impl FnMut(u64, &mut Script, &mut BTreeMap<u32, (u64, BlockHash)>),
) -> Vec<u32> {
    let mut minutes = vec![0; 10];
    let begun = s.ms();
    while s.ms() < begun + 600_000 {
        let (ms, elapsed) = (s.ms() + 100, s.ms() - begun);
        s.at(ms).tick();
        if elapsed.is_multiple_of(1000) {
            grows(elapsed / 1000, s, tips);
        }
        let minute = &mut minutes[usize::try_from(elapsed / 60_000).expect("ten of them")];
        loop {
            if s.is_cut_requested() {
                s.cut_of(tips);
            } else if s.is_work_requested() {
                let chain = u32::try_from(elapsed / 100 % 4).expect("four chains");
                s.work(piece(chain, tips[&chain].0 + 1, 'a'));
            } else if let Some(heights) = s.branch_requested() {
                let blocks: Vec<_> = heights
                    .map(|height| (height, block(0, height, 0)))
                    .collect();
                s.ancestors(&blocks);
            } else {
                break;
            }
            *minute += 1;
        }
    }
    minutes
}

/// The tips of four chains at this height.
fn tips(height: u64) -> BTreeMap<u32, (u64, BlockHash)> {
    (0..4)
        .map(|chain| (chain, (height, block(chain, height, 0))))
        .collect()
}

#[track_caller]
fn is_quiet(s: &mut Script, subscriptions: &BTreeMap<u32, Seq>, minutes: &[u32]) {
    assert!(minutes.iter().sum::<u32>() <= 40, "{minutes:?}");
    assert!(warnings(s).is_empty());
    assert_eq!(
        s.subscriptions(),
        *subscriptions,
        "no stream is opened again"
    );
}

#[test]
fn an_idle_development_network_gets_few_requests() {
    for depth in [0, 2] {
        let mut s = Script::returning(1);
        s.reports();
        let subscriptions = s.subscriptions();
        s.returned("0:1a");
        s.submitted(Ok(()));
        s.wants_nothing();
        if s.is_work_requested() {
            s.work(piece(1, 1, 'a'));
        }
        let mut tips = tips(0);
        tips.insert(0, (1 + depth, block(0, 1 + depth, 0)));
        let minutes = requests(&mut s, &mut tips, |_, _, _| {});
        is_quiet(&mut s, &subscriptions, &minutes);
    }
}

#[test]
fn a_network_of_five_minutes_a_block_gets_few_requests() {
    let mut s = Script::mining_with(&Config {
        timing: Timing::default(),
        ..config(2)
    });
    s.reports();
    let subscriptions = s.subscriptions();
    let mut next = 0;
    let minutes = requests(&mut s, &mut tips(0), |second, s, tips| {
        if second % 75 == 74 {
            let height = tips[&next].0 + 1;
            tips.insert(next, (height, block(next, height, 0)));
            s.new_cut(next);
            next = (next + 1) % 4;
        }
    });
    is_quiet(&mut s, &subscriptions, &minutes);
}

#[test]
fn silence_that_the_pace_of_updates_makes_plausible_is_not_examined() {
    let mut s = mining();
    let mut tips = tips(0);
    // As with twenty chains and five minutes a block. The job's chain does not grow.
    let mut grow = |second: u64, s: &mut Script, tips: &mut BTreeMap<_, _>| {
        if second % 15 == 14 {
            let chain = u32::try_from(1 + second / 15 % 3).expect("below four");
            let height = second / 15;
            tips.insert(chain, (height, block(chain, height, 0)));
            s.new_cut(chain);
        }
    };
    requests(&mut s, &mut tips, &mut grow);
    let minutes = requests(&mut s, &mut tips, &mut grow);
    // Twice for the stream of the job's chain, and every other minute for new work.
    assert!(minutes.iter().sum::<u32>() <= 25, "{minutes:?}");
    assert!(warnings(&mut s).is_empty());
}

/// Solves a job. Returns the hash of the block.
fn submit(s: &mut Script, chain: u32) -> BlockHash {
    let name = format!("{chain}:1a");
    let solution = s.solution(&name, 7);
    let ours = solution
        .header()
        .block_hash()
        .expect("its adjacents are recorded");
    s.solved_by(solution);
    s.submitted(Ok(()));
    s.work(piece(chain + 1, 1, 'a'));
    ours
}

/// Solves a job and finds another block in the place of ours, or ours. Returns the reports of
/// orphans in a row.
fn solve(s: &mut Script, chain: u32, is_orphan: bool) -> usize {
    let ours = submit(s, chain);
    let ms = s.ms() + 2000;
    s.at(ms).tick();
    let there = if is_orphan { block(chain, 1, 9) } else { ours };
    s.cut_with(chain, 1, there);
    let reports = s.reports().into_iter();
    let orphans = |event: &Event| matches!(event, Event::Node(_, NodeEvent::OrphansInARow { .. }));
    reports.filter(orphans).count()
}

#[test]
fn orphans_in_a_row_are_evidence_against_the_streams() {
    let mut s = mining();
    let before = s.subscriptions();
    assert_eq!(solve(&mut s, 0, true), 0);
    assert_eq!(solve(&mut s, 1, true), 0);
    assert_eq!(s.subscriptions(), before);
    assert_eq!(solve(&mut s, 2, true), 1);
    let after = s.subscriptions();
    assert!(
        after.iter().all(|(chain, seq)| *seq > before[chain]),
        "opened again"
    );
    // The job is unwatched: the cut is compared until its stream reports an update.
    for _ in 0..3 {
        s.opened(3);
        let ms = s.ms() + 1000;
        s.at(ms).tick();
        s.cut(&[(3, 0, 0)]);
    }
    assert_eq!(solve(&mut s, 3, true), 0, "reported once");
    assert!(
        after
            .iter()
            .all(|(chain, seq)| s.subscriptions()[chain] == *seq),
        "opened once"
    );
}

#[test]
fn orphans_with_an_accepted_block_between_them_are_chance() {
    let mut s = mining();
    for (chain, is_orphan) in [(0, true), (1, true), (2, false), (3, true), (4, true)] {
        assert_eq!(solve(&mut s, chain, is_orphan), 0);
    }
}

#[test]
fn orphans_after_an_accepted_block_count_though_it_is_found_later() {
    let mut s = mining();
    let first = submit(&mut s, 0);
    assert_eq!(solve(&mut s, 1, true), 0);
    assert_eq!(solve(&mut s, 2, true), 0);
    let ms = s.ms() + 10_000;
    s.at(ms).tick();
    s.cut_with(0, 1, first);
    let is_accepted = |event: &Event| matches!(event, Event::Block(_, BlockEvent::Accepted));
    assert!(s.reports().iter().any(is_accepted));
    assert_eq!(solve(&mut s, 3, true), 1);
}

#[test]
fn orphans_before_an_accepted_block_do_not_count_when_they_are_final() {
    let mut s = mining();
    for (chain, is_orphan) in [(0, true), (1, true), (2, false), (3, true)] {
        assert_eq!(solve(&mut s, chain, is_orphan), 0);
    }
    // Six blocks on top make the first two orphans final.
    let ms = s.ms() + 20_000;
    s.at(ms).tick();
    s.cut(&[(0, 7, 9), (1, 7, 9)]);
    for chain in 0..2 {
        s.ancestors(&[(1, block(chain, 1, 9))]);
        s.siblings(Err(timeout()));
    }
    let reports = s.reports();
    let is_final = |event: &&Event| matches!(event, Event::Block(_, BlockEvent::Orphaned { .. }));
    assert_eq!(reports.iter().filter(is_final).count(), 2, "{reports:?}");
    let orphans = |event: &Event| matches!(event, Event::Node(_, NodeEvent::OrphansInARow { .. }));
    assert!(!reports.iter().any(orphans), "{reports:?}");
}
