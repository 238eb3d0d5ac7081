//! The job of each simulated thread, and when the thread solves it.
//!
//! Solve times are exponentially distributed, as in hashing, and therefore memoryless: the
//! remaining time has the same distribution as the whole. If a thread changes jobs, it draws a new
//! time, and the rate of blocks is the same as without the change. For the same reason, several
//! threads on one job solve it at the sum of their rates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Target;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::Exp1;

use super::Simulation;
use crate::job::{Job, Jobs};
use crate::worker::returned::Returned;

/// All simulated threads and their jobs.
#[derive(Debug)]
pub(super) struct Threads {
    /// The rate of one thread, in hashes per second.
    rate: f64,
    all: Vec<Thread>,
    returned: Returned,
}

#[derive(Debug)]
struct Thread {
    /// One generator per thread, so that its times do not depend on the other threads.
    rng: StdRng,
    task: Option<Task>,
}

#[derive(Debug)]
struct Task {
    job: Arc<Job>,
    /// `None` if the time is beyond the range of `Instant`.
    due: Option<Instant>,
}

impl Threads {
    pub(super) fn new(config: &Simulation) -> Self {
        let mut seeds = StdRng::seed_from_u64(config.seed);
        let thread = |_| Thread {
            rng: StdRng::from_rng(&mut seeds),
            task: None,
        };
        Self {
            rate: config.rate.0 / config.threads.get() as f64,
            all: (0..config.threads.get()).map(thread).collect(),
            returned: Returned::default(),
        }
    }

    /// Returns the jobs solved by `now`, each only once, and assigns live jobs to the free
    /// threads.
    pub(super) fn step(&mut self, now: Instant, jobs: &Jobs) -> Vec<Arc<Job>> {
        self.returned.forget_retired(jobs);
        self.end_tasks(|job| !jobs.contains(job.id));
        let mut done = Vec::new();
        for thread in &mut self.all {
            if let Some(task) = thread.task.take_if(|task| task.is_due(now))
                && self.returned.insert(&task.job)
            {
                done.push(task.job);
            }
        }
        // Other threads can share these jobs.
        self.end_tasks(|job| done.iter().any(|done| done.id == job.id));
        self.spread(now, jobs);
        done
    }

    /// Returns when the next job is solved.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        let tasks = self.all.iter().filter_map(|thread| thread.task.as_ref());
        tasks.filter_map(|task| task.due).min()
    }

    fn end_tasks(&mut self, is_ended: impl Fn(&Job) -> bool) {
        for thread in &mut self.all {
            thread.task.take_if(|task| is_ended(&task.job));
        }
    }

    /// Assigns jobs without a thread, the newest first, to free threads and to threads on a shared
    /// job.
    /// Threads for which there is no such job share one.
    fn spread(&mut self, now: Instant, jobs: &Jobs) {
        let open = jobs.iter().filter(|job| !self.returned.contains(job));
        let mut open: Vec<(&Arc<Job>, usize)> = open.map(|job| (job, 0)).collect();
        let place = |thread: &Thread, open: &[(&Arc<Job>, usize)]| {
            let task = thread.task.as_ref()?;
            open.iter().position(|(job, _)| job.id == task.job.id)
        };
        for thread in &self.all {
            if let Some(at) = place(thread, &open) {
                open[at].1 += 1;
            }
        }
        for thread in &mut self.all {
            let held = place(thread, &open);
            let least = (0..open.len()).min_by_key(|at| open[*at].1);
            let Some(to) = least.filter(|to| match held {
                None => true,
                Some(held) => open[*to].1 == 0 && open[held].1 > 1,
            }) else {
                continue;
            };
            if let Some(held) = held {
                open[held].1 -= 1;
            }
            open[to].1 += 1;
            let job = open[to].0;
            let time = solve_time(job.work.target(), self.rate, &mut thread.rng);
            thread.task = Some(Task {
                job: Arc::clone(job),
                due: now.checked_add(time),
            });
        }
    }
}

impl Task {
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

/// Returns a random solve time in an exponential distribution whose mean is the difficulty divided
/// by `rate`, in hashes per second. Returns [`Duration::MAX`] if the time is out of range.
fn solve_time(target: Target, rate: f64, rng: &mut impl Rng) -> Duration {
    let means: f64 = rng.sample(Exp1);
    let seconds = means * (target.difficulty().as_f64() / rate);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
