//! Streams that report new tips without end.

use super::pieces::piece;
use super::script::Script;

/// What a node with a flood of updates saw.
#[derive(Debug, Default)]
struct Flood {
    /// The times of the requests for work.
    requests_ms: Vec<u64>,
    /// The longest time for which a job was live.
    longest_ms: u64,
    /// The number of solutions of jobs that were live for the time that the worker needs.
    solved: u32,
}

/// Reports a new tip on each of four chains every `period_ms`, for ten seconds. The node answers
/// within 10 ms; the worker needs `effort_ms` for a job.
fn flood(period_ms: u64, effort_ms: u64) -> Flood {
    let mut s = Script::mining(2);
    s.fetched_ms.clear();
    let mut seen = Flood::default();
    let mut heights = [1; 4];
    let (mut oldest, mut since) = (s.live().pop(), 0);
    for ms in 1..10_000 {
        s.at(ms).tick();
        if ms % period_ms == 0 {
            for chain in 0..4 {
                s.new_cut(chain);
            }
        }
        if s.is_cut_requested() {
            let tip = |chain: u32| (chain, heights[chain as usize] - 1, 0);
            s.cut(&[0, 1, 2, 3].map(tip));
        }
        if s.is_work_requested() && s.fetched_ms.last().is_none_or(|at| at + 10 <= ms) {
            // The node chooses a chain at random.
            let chain = u32::try_from(ms / 10 % 4).expect("small");
            s.work(piece(chain, heights[chain as usize], 'a'));
        }
        let live = s.live().pop();
        if live != oldest {
            (oldest, since) = (live, ms);
        }
        seen.longest_ms = seen.longest_ms.max(ms - since);
        if let Some(job) = oldest.as_deref().filter(|_| ms - since >= effort_ms) {
            let chain = s.job(job).chain().get() as usize;
            s.solved(job);
            s.submitted(Ok(()));
            heights[chain] += 1;
            seen.solved += 1;
        }
    }
    seen.requests_ms = std::mem::take(&mut s.fetched_ms);
    seen
}

#[test]
fn a_flood_of_new_tips_costs_few_requests_and_no_job() {
    for period_ms in [1, 2, 10, 40] {
        let seen = flood(period_ms, u64::MAX);
        for ms in (0..9000).step_by(100) {
            let within = seen
                .requests_ms
                .iter()
                .filter(|at| (ms..ms + 1000).contains(*at))
                .count();
            assert!(within <= 10, "every {period_ms} ms, from {ms}: {within}");
        }
        assert!(seen.longest_ms > 5000, "every {period_ms} ms: {seen:?}");
    }
}

#[test]
fn a_slow_worker_finds_blocks_under_a_flood_of_new_tips() {
    for period_ms in [1, 10] {
        let seen = flood(period_ms, 400);
        assert!(seen.solved >= 12, "every {period_ms} ms: {seen:?}");
        let most = 100 + 2 * seen.solved as usize;
        assert!(seen.requests_ms.len() <= most, "{seen:?}");
    }
}

#[test]
fn streams_are_believed_again_after_a_flood() {
    let mut s = Script::mining(1);
    for ms in 1..1000 {
        s.at(ms).new_cut(0);
        if s.is_work_requested() {
            s.work(piece(0, 1, 'a'));
        }
        if s.is_cut_requested() {
            s.cut(&[(0, 0, 0)]);
        }
    }
    // Blocks come, each reported once.
    for height in 2..10 {
        s.at(5000 * height).tick();
        if s.is_cut_requested() {
            s.cut(&[(0, height - 2, 0)]);
        }
        assert_eq!(s.live(), [format!("0:{}a", height - 1)]);
        let is_at_once = s.at(5000 * height + 2000).new_cut(0).contains("publish");
        if s.is_cut_requested() {
            s.cut(&[(0, height - 1, 0)]);
        }
        assert_eq!(s.live(), [""; 0], "at {height}");
        assert!(is_at_once || height < 6, "by the cut at {height}");
        s.at(5000 * height + 3000).tick();
        s.work(piece(0, height, 'a'));
        if s.is_cut_requested() {
            s.cut(&[(0, height - 1, 0)]);
        }
    }
}
