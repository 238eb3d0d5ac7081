//! Workers in simulated time.

use std::thread;
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};

use super::{
    Credit, Earlier, Freshness, Rejection, Rejections, Stats, WorkerName, WorkerSession,
    WorkerSnapshot,
};

fn name(name: &str) -> WorkerName {
    WorkerName::of_user(name.as_bytes())
}

fn hashes(number: u128) -> Difficulty {
    Difficulty::from_u128(number)
}

fn rejections(list: &[Rejection]) -> Rejections {
    let mut rejections = Rejections::default();
    for rejection in list {
        rejections.add(*rejection);
    }
    rejections
}

/// Returns the names of the workers with their numbers of sessions.
fn present(stats: &Stats, now: Instant) -> Vec<(String, u32)> {
    stats
        .snapshot(now)
        .iter()
        .map(|worker| (worker.name.to_string(), worker.sessions))
        .collect()
}

fn share(session: &WorkerSession, now: Instant) {
    session.accepted(
        now,
        hashes(1000),
        hashes(1500),
        hashes(100_000),
        Freshness::Current,
    );
}

#[test]
fn counts_survive_a_reconnect_and_the_best_of_the_session_does_not() {
    let stats = Stats::new(10);
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);

    let first = stats.open(start, &name("rig1"));
    assert_eq!(first.last_share_level(), None);
    first.set_last_share_level(Level::new(43).expect("a level"));
    first.set_level(Level::new(42).expect("a level"));
    first.accepted(
        at(10),
        hashes(6000),
        hashes(70_000),
        hashes(60_000),
        Freshness::Current,
    );
    first.accepted(
        at(20),
        hashes(6000),
        hashes(9000),
        hashes(30_000),
        Freshness::Late,
    );
    first.rejected(at(25), Rejection::Stale, Some(hashes(1000)));
    first.rejected(at(26), Rejection::LowDifficulty, Some(hashes(1000)));
    first.rejected(at(27), Rejection::LowDifficulty, Some(hashes(1000)));
    drop(first);

    let second = stats.open(at(40), &name("rig1"));
    assert_eq!(second.last_share_level(), Level::new(43));
    second.accepted(
        at(50),
        hashes(12_000),
        hashes(20_000),
        hashes(24_000),
        Freshness::Current,
    );
    second.block(at(50), hashes(30_000));

    let expected = WorkerSnapshot {
        name: name("rig1"),
        sessions: 1,
        since: Duration::from_mins(1),
        unseen: Duration::ZERO,
        credited: 24_000.0,
        // A tenth, a fifth and a half.
        expected: 0.8,
        accepted: 2,
        accepted_late: 1,
        rejections: rejections(&[
            Rejection::Stale,
            Rejection::LowDifficulty,
            Rejection::LowDifficulty,
        ]),
        last_share: Some(Duration::from_secs(10)),
        best_of_session: Some(hashes(30_000)),
        best: Some(hashes(70_000)),
        blocks: 1,
        level: Level::new(42),
        last_share_level: Level::new(43),
        agent: None,
        peer: None,
    };
    assert_eq!(stats.snapshot(at(60)), [expected]);
    let credit = Credit {
        hashes: 25_000.0,
        stale: 7000.0,
        expected: 0.8,
    };
    assert_eq!(stats.credit(), credit);
}

#[test]
fn the_best_of_the_session_lasts_while_one_of_a_workers_sessions_does() {
    let stats = Stats::new(10);
    let now = Instant::now();
    let first = stats.open(now, &name("rig1"));
    share(&first, now);
    let second = stats.open(now, &name("rig1"));
    drop(first);
    let best = || stats.snapshot(now)[0].best_of_session;
    assert_eq!(best(), Some(hashes(1500)));
    drop(second);
    let third = stats.open(now, &name("rig1"));
    assert_eq!(best(), None);
    drop(third);
}

#[test]
fn a_gone_worker_is_removed_after_a_day() {
    let stats = Stats::new(10);
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let session = stats.open(start, &name("rig1"));
    share(&session, at(7200));
    drop(session);
    assert_eq!(present(&stats, at(7199 + 86_400)), [("rig1".to_owned(), 0)]);
    assert_eq!(present(&stats, at(7200 + 86_400)), []);
    // The sum of all workers keeps its work.
    assert_eq!(stats.credit().expected.to_string(), "0.01");
    // Its counts are removed too: the name starts at zero. Its best share stays.
    let _session = stats.open(at(100_000), &name("rig1"));
    let worker = &stats.snapshot(at(100_000))[0];
    assert_eq!((worker.accepted, worker.best), (0, Some(hashes(1500))));
}

#[test]
fn workers_of_earlier_runs_have_their_best_share_and_level_once_they_connect() {
    let (stats, now) = (Stats::new(2), Instant::now());
    let earlier = Earlier {
        best: Some(hashes(9000)),
        level: Level::new(43),
    };
    let names = ["rig1", "rig2", "rig3"];
    stats.restore(names.map(|name| (name.to_owned(), earlier)));
    assert_eq!(stats.snapshot(now), []);
    let session = stats.open(now, &name("rig1"));
    assert_eq!(session.last_share_level(), Level::new(43));
    share(&session, now);
    let worker = &stats.snapshot(now)[0];
    assert_eq!(worker.best, Some(hashes(9000)));
    assert_eq!(worker.best_of_session, Some(hashes(1500)));
    // No more than there may be names.
    let session = stats.open(now, &name("rig3"));
    assert_eq!(session.last_share_level(), None);
}

#[test]
fn workers_without_an_accepted_share_are_removed_after_an_hour_but_not_while_connected() {
    let stats = Stats::new(10);
    let start = Instant::now();
    let at = |minutes| start + Duration::from_mins(minutes);
    let _silent = stats.open(start, &name("silent"));
    let low = stats.open(start, &name("low"));
    low.rejected(at(10), Rejection::LowDifficulty, Some(hashes(1000)));
    drop(low);
    let present = |minutes| present(&stats, at(minutes));
    assert_eq!(
        present(69),
        [("low".to_owned(), 0), ("silent".to_owned(), 1)]
    );
    assert_eq!(present(70), [("silent".to_owned(), 1)]);
    assert_eq!(present(100_000), [("silent".to_owned(), 1)]);
}

#[test]
fn workers_beyond_the_bound_are_counted_as_one_until_there_is_room() {
    let stats = Stats::new(2);
    let start = Instant::now();
    let later = start + Duration::from_mins(61);
    let (a, b) = (stats.open(start, &name("a")), stats.open(start, &name("b")));
    let surpluss = [1, 2, 3].map(|number| stats.open(start, &name(&format!("surplus{number}"))));
    surpluss[0].set_last_share_level(Level::new(43).expect("a level"));
    assert_eq!(surpluss[1].last_share_level(), None);
    let others = |sessions| ("(other workers)".to_owned(), sessions);
    let named = |name: &str| (name.to_owned(), 1);
    assert_eq!(present(&stats, start), [named("a"), named("b"), others(3)]);
    for surplus in &surpluss {
        share(surplus, start);
    }
    assert_eq!(stats.snapshot(start)[2].accepted, 3);
    // A known name stays.
    drop((a, surpluss));
    let a = stats.open(start, &name("a"));
    drop(b);
    assert_eq!(present(&stats, later), [named("a"), others(0)]);
    let _late = stats.open(later, &name("late"));
    assert_eq!(
        present(&stats, later),
        [named("a"), named("late"), others(0)]
    );
    assert_eq!(
        present(&stats, start + Duration::from_hours(24)),
        [named("a"), named("late")]
    );
    drop(a);
}

#[test]
fn sessions_of_many_threads_lose_no_share() {
    let stats = Stats::new(4);
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..8 {
            let stats = &stats;
            scope.spawn(move || {
                for session in 0..100_u64 {
                    let now = start + Duration::from_millis(session);
                    let session = stats.open(now, &name(&format!("rig{}", thread % 6)));
                    share(&session, now);
                }
            });
        }
    });
    let snapshot = stats.snapshot(start + Duration::from_secs(1));
    assert_eq!(
        snapshot.iter().map(|worker| worker.accepted).sum::<u64>(),
        800
    );
    assert!(snapshot.iter().all(|worker| worker.sessions == 0));
    assert_eq!(snapshot.len(), 5);
}
