//! A search step by step, with a simulated clock.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Target;
use pow::Kernel;
use tokio::sync::watch;

use super::super::placement::Placement;
use super::batch::{Batch, MAX, MIN};
use super::{Search, Step};
use crate::job::{Job, JobId, Jobs, Solution};
use crate::timing::Timing;
use crate::worker::cpu::Config;
use crate::worker::sample::{job, jobs};

const MS: Duration = Duration::from_millis(1);

/// A target that no nonce of a test meets.
fn hard() -> Target {
    Target::from_be_hex(&format!("{:064x}", 1)).expect("64 digits")
}

/// A search, the sender of its jobs, and the time.
struct Bench {
    search: Search,
    jobs: watch::Sender<Arc<Jobs>>,
    now: Instant,
}

fn config(threads: usize) -> Config {
    Config {
        threads: NonZeroUsize::new(threads).expect("a thread at least"),
        searcher: Kernel::Portable.prove().expect("safe code"),
        placement: Placement::default(),
        first_nonce: u64::MAX - 1000,
        timing: Timing::default(),
    }
}

impl Bench {
    fn new(newest_first: &[&Arc<Job>], now: Instant) -> Self {
        let (jobs, watched) = watch::channel(Arc::default());
        let bench = Self {
            search: Search::new(&config(1), 0, watched),
            jobs,
            now,
        };
        bench.publish(newest_first);
        bench
    }

    fn publish(&self, newest_first: &[&Arc<Job>]) {
        self.jobs.send_replace(Arc::new(jobs(newest_first)));
    }

    /// Runs a step this long after the previous one.
    fn step(&mut self, after: Duration) -> Step {
        self.now += after;
        self.search.step(self.now)
    }

    /// Runs a step and returns the job that it hashes.
    #[track_caller]
    fn hashed(&mut self) -> JobId {
        assert!(matches!(self.step(MS), Step::Hashed { .. }));
        self.search.current.as_ref().expect("it hashes").job.id
    }

    #[track_caller]
    fn solves(&mut self) -> Solution {
        match self.step(MS) {
            Step::Hashed {
                solution: Some(solution),
                ..
            } => solution,
            other => panic!("no solution: {other:?}"),
        }
    }
}

#[test]
fn threads_start_at_distant_nonces() {
    for threads in [1, 2, 3, 64, 255] {
        let (_jobs, watched) = watch::channel(Arc::<Jobs>::default());
        let starts: BTreeSet<u64> = (0..threads)
            .map(|index| Search::new(&config(threads), index, watched.clone()).next_nonce)
            .collect();
        assert_eq!(starts.len(), threads);
        let around = starts.iter().chain(starts.first());
        let gaps: Vec<_> = around
            .clone()
            .zip(around.skip(1))
            .map(|(start, next)| next.wrapping_sub(*start))
            .collect();
        // No thread gets this far within a job.
        let share = u64::MAX / u64::try_from(threads).expect("few");
        assert!(
            threads == 1 || gaps.iter().all(|gap| *gap >= share),
            "{gaps:?}"
        );
    }
}

#[test]
fn thread_hashes_its_nonces_without_a_gap() {
    let now = Instant::now();
    let mut bench = Bench::new(&[&job(1, hard(), now)], now);
    let mut expected = bench.search.next_nonce;
    for _ in 0..20 {
        let Step::Hashed {
            hashes, solution, ..
        } = bench.step(MS)
        else {
            panic!("idle");
        };
        assert_eq!(solution, None);
        expected = expected.wrapping_add(hashes);
        assert_eq!(bench.search.next_nonce, expected);
    }
    assert!(expected < 1 << 30, "they wrap around");
    // A new job does not reset the nonce.
    bench.publish(&[&job(2, Target::MAX, now)]);
    assert_eq!(bench.solves().nonce.get(), expected);
}

#[test]
fn keeps_its_job_when_newer_ones_arrive() {
    let now = Instant::now();
    let (old, new) = (job(1, hard(), now), job(2, hard(), now));
    let mut bench = Bench::new(&[&old], now);
    assert_eq!(bench.hashed(), old.id);
    bench.publish(&[&new, &old]);
    assert_eq!(bench.hashed(), old.id);
}

#[test]
fn changes_from_a_retired_job_to_the_newest() {
    let now = Instant::now();
    let jobs = [1, 2, 3].map(|id| job(id, hard(), now));
    let mut bench = Bench::new(&[&jobs[0]], now);
    assert_eq!(bench.hashed(), jobs[0].id);
    bench.publish(&[&jobs[2], &jobs[1]]);
    assert_eq!(bench.hashed(), jobs[2].id);
}

#[test]
fn idles_without_jobs() {
    let now = Instant::now();
    let job = job(1, hard(), now);
    let mut bench = Bench::new(&[], now);
    assert_eq!(bench.step(MS), Step::Idle);
    bench.publish(&[&job]);
    assert_eq!(bench.hashed(), job.id);
    bench.publish(&[]);
    assert_eq!(bench.step(MS), Step::Idle);
}

#[test]
fn idles_when_the_sender_of_jobs_is_dropped() {
    let now = Instant::now();
    let mut bench = Bench::new(&[&job(1, hard(), now)], now);
    bench.hashed();
    bench.jobs = watch::channel(Arc::default()).0;
    assert_eq!(bench.step(MS), Step::Idle);
}

#[test]
fn never_hashes_a_job_that_it_has_solved() {
    let now = Instant::now();
    let (a, b) = (job(1, Target::MAX, now), job(2, Target::MAX, now));
    let mut bench = Bench::new(&[&b, &a], now);
    assert_eq!(bench.solves().job, b);
    // Both are still live for the worker.
    assert_eq!(bench.solves().job, a);
    assert_eq!(bench.step(MS), Step::Idle);
    bench.publish(&[&b]);
    assert_eq!(bench.step(MS), Step::Idle);
    let c = job(3, Target::MAX, now);
    bench.publish(&[&c, &b]);
    assert_eq!(bench.solves().job, c);
    assert_eq!(bench.step(MS), Step::Idle);
    bench.publish(&[]);
    assert_eq!(bench.step(MS), Step::Idle);
    assert!(bench.search.solved.is_empty(), "retired jobs are forgotten");
}

#[test]
fn solutions_meet_the_target_with_their_creation_time() {
    let now = Instant::now();
    let target = Target::from_be_hex(&format!("00ff{:060x}", 0)).expect("64 digits");
    let mut found = 0;
    for id in 0..20 {
        let job = job(id, target, now);
        let mut bench = Bench::new(&[&job], now);
        for _ in 0..50 {
            if let Step::Hashed {
                solution: Some(solution),
                ..
            } = bench.step(40 * MS)
            {
                assert!(pow::verify(&solution.header(), &target), "{solution:?}");
                assert!(solution.creation_time <= job.creation_time_at(bench.now));
                found += 1;
            }
        }
    }
    assert_eq!(found, 20, "each job is solved once");
}

#[test]
fn creation_time_follows_the_clock_once_a_second_and_is_never_ahead() {
    let received = Instant::now();
    let job = job(1, hard(), received);
    // The thread starts the job late.
    let mut bench = Bench::new(&[&job], received + Duration::from_millis(300));
    let mut times = BTreeSet::new();
    for _ in 0..499 {
        bench.step(10 * MS);
        let current = bench.search.current.as_ref().expect("it hashes");
        let right = job.creation_time_at(bench.now);
        assert!(current.creation_time <= right);
        assert!(right.saturating_since(current.creation_time) < Duration::from_secs(1));
        assert_eq!(current.header.creation_time(), current.creation_time);
        times.insert(current.creation_time.as_micros());
    }
    let start = job.work.header().creation_time().as_micros();
    let stamps: Vec<_> = times.into_iter().map(|time| time - start).collect();
    // A 1024th of the time since the job was received is left out.
    assert_eq!(
        stamps,
        [309_697, 1_308_720, 2_307_744, 3_306_767, 4_305_791]
    );
}

/// Starts batches at these intervals and checks the final size.
#[track_caller]
fn check(took: &[Duration], size: u64) {
    let mut batch = Batch::new(MS);
    let mut now = Instant::now();
    batch.resize(now);
    for time in took {
        now += *time;
        batch.resize(now);
    }
    assert_eq!(batch.size, size);
}

#[test]
fn batch_size_follows_time_within_bounds() {
    check(&[], MIN);
    check(&[MS / 2], 2 * MIN);
    check(&[MS / 2, MS / 2, MS], 4 * MIN);
    check(&[MS / 2, MS / 2, 2 * MS], 2 * MIN);
    check(&[100 * MS; 3], MIN);
    check(&[Duration::ZERO; 100], MAX);
    check(&[[Duration::ZERO; 30], [100 * MS; 30]].concat(), MIN);
}

#[test]
fn early_solutions_do_not_make_batches_grow() {
    let now = Instant::now();
    let mut bench = Bench::new(&[], now);
    for id in 0..100 {
        bench.publish(&[&job(id, Target::MAX, now)]);
        bench.now += MS / 100;
        let Step::Hashed { hashes, .. } = bench.search.step(bench.now) else {
            panic!("idle");
        };
        assert_eq!(hashes, 1);
    }
    assert_eq!(bench.search.batch.size, MIN);
}

#[test]
fn waiting_for_jobs_does_not_count_as_batch_time() {
    let now = Instant::now();
    let mut bench = Bench::new(&[&job(1, hard(), now)], now);
    for _ in 0..4 {
        bench.step(MS / 10);
    }
    let size = bench.search.batch.size;
    assert!(size > MIN);
    bench.publish(&[]);
    assert_eq!(bench.step(MS), Step::Idle);
    drop(bench.search.changed());
    bench.publish(&[&job(2, hard(), now)]);
    bench.step(Duration::from_mins(1));
    assert_eq!(bench.search.batch.size, size);
}

#[test]
fn hashes_are_stale_once_their_job_is_outdated() {
    let now = Instant::now();
    let (old, new) = (job(1, hard(), now), job(2, hard(), now));
    let mut bench = Bench::new(&[&old], now);
    let step = |bench: &mut Bench| {
        bench.now += MS;
        let stale = bench.search.stale(bench.now);
        let Step::Hashed { hashes, .. } = bench.search.step(bench.now) else {
            panic!("idle");
        };
        (stale, hashes as f64)
    };
    assert_eq!(step(&mut bench).0.to_string(), "0");
    let (stale, hashes) = step(&mut bench);
    assert_eq!(stale.to_string(), "0");
    // In the middle of a batch.
    old.outdate(bench.now + MS / 2);
    // A later event changes nothing.
    old.outdate(bench.now + 2 * MS);
    bench.publish(&[&new]);
    let (stale, next) = step(&mut bench);
    assert_eq!(stale.to_string(), (hashes / 2.0).to_string());
    // A refreshed job is hashed until new work comes, or the same again.
    new.outdate(bench.now);
    let (stale, hashes) = step(&mut bench);
    assert_eq!(stale.to_string(), next.to_string());
    assert_eq!(step(&mut bench).0.to_string(), hashes.to_string());
    new.renew();
    assert_eq!(step(&mut bench).0.to_string(), "0");
}
