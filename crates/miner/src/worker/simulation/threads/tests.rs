//! Threads in simulated time: the distribution of solve times and the assignment of jobs.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use chainweb::Difficulty;
use rand::seq::IndexedRandom;

use super::*;
use crate::job::JobId;
use crate::units::HashRate;
use crate::worker::sample::{job, jobs};

const MINUTE: Duration = Duration::from_mins(1);

fn threads(threads: usize, rate: f64, seed: u64) -> Threads {
    Threads::new(&Simulation {
        rate: HashRate(rate),
        threads: NonZeroUsize::new(threads).expect("a thread at least"),
        seed,
    })
}

fn target(hashes: u64) -> Target {
    Difficulty::from_u128(hashes.into()).target()
}

impl Threads {
    /// The job of each thread.
    fn on(&self) -> Vec<Option<u64>> {
        let task = |thread: &Thread| Some(thread.task.as_ref()?.job.id.0);
        self.all.iter().map(task).collect()
    }

    /// The time after `start` at which each thread solves its job.
    fn due(&self, start: Instant) -> Vec<Option<Duration>> {
        let due = |thread: &Thread| Some(thread.task.as_ref()?.due? - start);
        self.all.iter().map(due).collect()
    }
}

fn ids(done: &[Arc<Job>]) -> Vec<u64> {
    done.iter().map(|job| job.id.0).collect()
}

/// Checks that the mean of exponentially distributed times is within three standard deviations.
#[track_caller]
fn check_mean(times: &[Duration], expected: f64, what: &str) {
    let count = times.len() as f64;
    let mean = times.iter().sum::<Duration>().as_secs_f64() / count;
    let sigma = expected / count.sqrt();
    assert!(
        (mean - expected).abs() < 3.0 * sigma,
        "{what}: {mean} s instead of {expected} s ± {sigma} s"
    );
}

#[test]
fn times_are_exponential_with_a_mean_of_difficulty_over_rate() {
    for (hashes, rate, mean) in [
        (100_000, 1e6, 0.1),
        (600_000_000, 1e6, 600.0),
        (1 << 50, 1.5e13, 75.059_99),
    ] {
        let mut rng = StdRng::seed_from_u64(hashes);
        let times: Vec<Duration> = (0..20_000)
            .map(|_| solve_time(target(hashes), rate, &mut rng))
            .collect();
        check_mean(&times, mean, "one thread");
        // In an exponential distribution, 1 - 1/e^x of the values are below x times the mean.
        for bound in [0.1, 0.7, 2.0] {
            let below = times
                .iter()
                .filter(|time| time.as_secs_f64() < bound * mean);
            let part = below.count() as f64 / 20_000.0;
            let expected = 1.0 - (-bound).exp();
            let sigma = (expected * (1.0 - expected) / 20_000.0).sqrt();
            assert!(
                (part - expected).abs() < 3.0 * sigma,
                "{part} of {hashes} below {bound} means"
            );
        }
    }
}

/// Mines a number of blocks on several chains, each of which has a new job after each block.
/// Another miner mines `moves` blocks per block on average. Returns the times between our blocks.
fn mine(count: usize, chains: usize, moves: f64, blocks: usize) -> Vec<Duration> {
    const RATE: f64 = 1e6;
    const HASHES: u64 = 2_000_000;
    let mut threads = threads(count, RATE, 7);
    let mut rng = StdRng::seed_from_u64(11);
    let start = Instant::now();
    let mut now = start;
    let mut newest = 0;
    let mut next_job = |now| {
        newest += 1;
        job(newest, target(HASHES), now)
    };
    let mut live: VecDeque<_> = (0..chains).map(|_| next_job(now)).collect();
    let mut made = Vec::new();
    let mut last = start;
    let foreign_rate = moves * RATE / HASHES as f64;
    while made.len() < blocks {
        let set = Jobs::new(live.iter().map(Arc::clone).collect());
        let done = threads.step(now, &set);
        if !done.is_empty() {
            for done in done {
                made.push(now - last);
                last = now;
                live.retain(|job| job.id != done.id);
                live.push_front(next_job(now));
            }
            continue;
        }
        let wakeup = threads.wakeup().expect("every thread has a job");
        let pause: f64 = rng.sample(Exp1);
        let foreign = now + Duration::from_secs_f64((pause / foreign_rate).min(1e6));
        now = wakeup.min(foreign);
        if foreign < wakeup {
            let gone: Vec<JobId> = live.iter().map(|job| job.id).collect();
            let gone = *gone.choose(&mut rng).expect("there are jobs");
            live.retain(|job| job.id != gone);
            live.push_front(next_job(now));
        }
    }
    made
}

#[test]
fn block_rate_does_not_depend_on_interruptions_or_the_number_of_jobs() {
    for (threads, chains) in [(1, 1), (1, 3), (2, 1), (2, 2), (3, 2), (4, 10)] {
        for moves in [0.0, 5.0] {
            let times = mine(threads, chains, moves, 3000);
            let what = format!("{threads} threads on {chains} chains that move {moves} times");
            check_mean(&times, 2.0, &what);
        }
    }
}

#[test]
fn times_of_a_thread_depend_only_on_the_seed() {
    let now = Instant::now();
    let live: Vec<_> = (1..=3).map(|id| job(id, target(1000), now)).collect();
    let live = jobs(&[&live[0], &live[1], &live[2]]);
    let times = |count: usize, seed| {
        let mut threads = threads(count, 1000.0 * count as f64, seed);
        let mut done = Vec::new();
        threads.step(now, &live);
        done.push(threads.due(now));
        // Each thread continues with the next job.
        threads.step(now, &Jobs::default());
        threads.step(now, &jobs(&[&job(9, target(1000), now)]));
        done.push(threads.due(now));
        done
    };
    assert_eq!(times(3, 5), times(3, 5));
    assert_ne!(times(3, 5), times(3, 6));
    let (one, three) = (times(1, 5), times(3, 5));
    assert_eq!((one[0][0], one[1][0]), (three[0][0], three[1][0]));
    assert_ne!(three[0][0], three[0][1]);
}

#[test]
fn each_thread_has_its_own_job_newest_first() {
    let now = Instant::now();
    let [a, b, c] = [1, 2, 3].map(|id| job(id, target(1 << 40), now));
    let mut threads = threads(2, 1.0, 0);
    threads.step(now, &Jobs::default());
    assert_eq!(threads.on(), [None, None]);
    // A single job is shared until there is a second one.
    threads.step(now, &jobs(&[&a]));
    assert_eq!(threads.on(), [Some(1), Some(1)]);
    threads.step(now, &jobs(&[&c, &b, &a]));
    assert_eq!(threads.on(), [Some(3), Some(1)]);
}

#[test]
fn update_on_another_chain_does_not_disturb_a_thread() {
    let now = Instant::now();
    let [a, b, c, d] = [1, 2, 3, 4].map(|id| job(id, target(1 << 40), now));
    let mut threads = threads(2, 1.0, 0);
    threads.step(now, &jobs(&[&b, &a]));
    let before = threads.due(now);
    threads.step(now + MINUTE, &jobs(&[&c, &b, &a]));
    assert_eq!(threads.due(now), before);
    // The thread of a retired job has another one at once.
    threads.step(now + 2 * MINUTE, &jobs(&[&d, &c, &b]));
    assert_eq!(threads.on(), [Some(2), Some(4)]);
    assert_eq!(threads.due(now)[0], before[0]);
    assert_ne!(threads.due(now)[1], before[1]);
    // Without a free job, it shares.
    threads.step(now + 3 * MINUTE, &jobs(&[&d]));
    assert_eq!(threads.on(), [Some(4), Some(4)]);
    assert_eq!(
        threads.wakeup().map(|at| at - now),
        threads.due(now).into_iter().flatten().min()
    );
}

#[test]
fn job_is_returned_once_even_if_it_stays_live_or_is_shared() {
    let now = Instant::now();
    let [a, b] = [1, 2].map(|id| job(id, target(1000), now));
    let mut threads = threads(3, 1e6, 0);
    threads.step(now, &jobs(&[&a]));
    assert_eq!(threads.on(), [Some(1); 3]);
    // All three are done, and the job has not left yet.
    assert_eq!(ids(&threads.step(now + MINUTE, &jobs(&[&a]))), [1]);
    assert_eq!(threads.on(), [None; 3]);
    assert_eq!(threads.wakeup(), None);
    assert!(&threads.step(now + MINUTE, &jobs(&[&b, &a])).is_empty());
    assert_eq!(threads.on(), [Some(2); 3]);
    assert_eq!(ids(&threads.step(now + 2 * MINUTE, &jobs(&[&b]))), [2]);
}

#[test]
fn job_retired_before_it_is_due_is_not_returned() {
    let now = Instant::now();
    let [a, b] = [1, 2].map(|id| job(id, target(1000), now));
    let mut threads = threads(1, 1e6, 0);
    threads.step(now, &jobs(&[&a]));
    assert!(&threads.step(now + MINUTE, &jobs(&[&b])).is_empty());
    assert_eq!(threads.on(), [Some(2)]);
}

#[test]
fn times_out_of_range_never_end_and_tiny_times_end_at_once() {
    let now = Instant::now();
    let hardest = Target::from_be_hex(&format!("{:064x}", 1)).expect("64 digits");
    for rate in [1e-300, f64::MIN_POSITIVE, 1e6, 1e24] {
        let mut threads = threads(2, rate, 0);
        threads.step(now, &jobs(&[&job(1, hardest, now)]));
        assert_eq!(threads.wakeup(), None, "{rate}");
        assert_eq!(threads.on(), [Some(1), Some(1)], "the threads have jobs");
    }
    let mut threads = threads(2, 1e300, 0);
    let live = jobs(&[&job(1, Target::MAX, now), &job(2, Target::MAX, now)]);
    threads.step(now, &live);
    assert_eq!(ids(&threads.step(now, &live)), [1, 2]);
}
