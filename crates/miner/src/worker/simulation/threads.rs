//! Which thread is on which job, and when it is through with it.
//!
//! The time for a block is exponentially distributed, as that of hashing is, and so without a memory: what is left of it
//! is distributed as the whole. A thread whose job dies, or that leaves a job that others are on too, begins another one
//! anew, and the blocks come at the same rate as if none had ever been interrupted. For the same reason threads that
//! share a job, where there are fewer jobs than threads, make a block at the sum of their rates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Target;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::Exp1;

use super::Config;
use crate::job::{Job, Jobs};
use crate::worker::returned::Returned;

/// All threads, and the jobs that they are on.
#[derive(Debug)]
pub(super) struct Threads {
    /// Hashes per second of one thread.
    rate: f64,
    each: Vec<Thread>,
    returned: Returned,
}

#[derive(Debug)]
struct Thread {
    /// Of its own, so that the times of one thread do not depend on what the others do.
    rng: StdRng,
    task: Option<Task>,
}

#[derive(Debug)]
struct Task {
    job: Arc<Job>,
    /// `None` where it is further off than time can be told.
    due: Option<Instant>,
}

impl Threads {
    pub(super) fn new(config: &Config) -> Self {
        let mut seeds = StdRng::seed_from_u64(config.seed);
        let thread = |_| Thread {
            rng: StdRng::from_rng(&mut seeds),
            task: None,
        };
        Self {
            rate: config.rate.0 / config.threads.get() as f64,
            each: (0..config.threads.get()).map(thread).collect(),
            returned: Returned::default(),
        }
    }

    /// Gives the jobs that are done by now, each once, drops those that are not live and puts the free threads on others.
    pub(super) fn step(&mut self, now: Instant, jobs: &Jobs) -> Vec<Arc<Job>> {
        self.returned.look(jobs);
        self.drop_tasks(|job| !jobs.contains(job.id));
        let mut done = Vec::new();
        for thread in &mut self.each {
            if let Some(task) = thread.task.take_if(|task| task.is_due(now))
                && self.returned.insert(&task.job)
            {
                done.push(task.job);
            }
        }
        // Others may have been on the same job.
        self.drop_tasks(|job| done.iter().any(|done| done.id == job.id));
        self.spread(now, jobs);
        done
    }

    /// When the next thread is done.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        let tasks = self.each.iter().filter_map(|thread| thread.task.as_ref());
        tasks.filter_map(|task| task.due).min()
    }

    fn drop_tasks(&mut self, is_over: impl Fn(&Job) -> bool) {
        for thread in &mut self.each {
            thread.task.take_if(|task| is_over(&task.job));
        }
    }

    /// Puts free threads, and those that are not alone on their job, on jobs that nobody is on, the newest first. Threads
    /// that are left over share.
    fn spread(&mut self, now: Instant, jobs: &Jobs) {
        let open = jobs.iter().filter(|job| !self.returned.contains(job));
        let mut open: Vec<(&Arc<Job>, usize)> = open.map(|job| (job, 0)).collect();
        let place = |thread: &Thread, open: &[(&Arc<Job>, usize)]| {
            let task = thread.task.as_ref()?;
            open.iter().position(|(job, _)| job.id == task.job.id)
        };
        for thread in &self.each {
            if let Some(at) = place(thread, &open) {
                open[at].1 += 1;
            }
        }
        for thread in &mut self.each {
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

/// The time for a block at this many hashes per second: exponentially distributed, with a mean of difficulty over rate. The
/// longest there is where that is no time of sensible length.
fn solve_time(target: Target, rate: f64, rng: &mut impl Rng) -> Duration {
    let means: f64 = rng.sample(Exp1);
    let seconds = means * (target.difficulty().as_f64() / rate);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
