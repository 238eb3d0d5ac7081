//! Which process works on which job.
//!
//! A process stays on its job as long as that is live. One that has none gets a live job of its own, the newest first;
//! where there are fewer jobs than processes it shares one after a while, under a creation time that differs, so that
//! two processes never hash the same header. Who the processes are and how they are told is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chainweb::{CreationTime, WorkHeader};

use crate::job::{Job, Jobs};

/// A job as it is dealt out.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) job: Arc<Job>,
    /// How often its header has been given out, to all that share the job.
    given: Arc<AtomicU64>,
}

/// A header that nobody else is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamped {
    pub(super) header: WorkHeader,
    pub(super) creation_time: CreationTime,
    /// From when on a job that is as old may carry this time.
    pub(super) valid_from: Instant,
}

impl Task {
    fn new(job: &Arc<Job>) -> Self {
        Self {
            job: Arc::clone(job),
            given: Arc::default(),
        }
    }

    /// The work's header at first, and then the same a microsecond later each time.
    pub(super) fn header(&self) -> Stamped {
        let micros = self.given.fetch_add(1, Ordering::Relaxed);
        let later = Duration::from_micros(micros);
        let own = self.job.work.header();
        let creation_time = own.creation_time().saturating_add(later);
        Stamped {
            header: own.with_creation_time(creation_time),
            creation_time,
            // A job's time is allowed to pass a little slower than the clock's.
            valid_from: self.job.received + 2 * later,
        }
    }
}

/// What each process works on.
#[derive(Debug)]
pub(super) struct Dealer {
    seats: Vec<Seat>,
    patience: Duration,
}

#[derive(Clone, Debug)]
enum Seat {
    At(Task),
    FreeSince(Instant),
}

impl Dealer {
    /// A number of processes, which are free from now on and wait for a job of their own for as long as `patience`.
    pub(super) fn new(now: Instant, processes: usize, patience: Duration) -> Self {
        Self {
            seats: vec![Seat::FreeSince(now); processes],
            patience,
        }
    }

    /// Deals the live jobs out.
    pub(super) fn deal(&mut self, now: Instant, jobs: &Jobs) {
        for seat in &mut self.seats {
            if let Seat::At(task) = seat
                && !jobs.contains(task.job.id)
            {
                *seat = Seat::FreeSince(now);
            }
        }
        for place in 0..self.seats.len() {
            if let Seat::FreeSince(since) = self.seats[place]
                && let Some(task) = self.choose(jobs, now >= since + self.patience)
            {
                self.seats[place] = Seat::At(task);
            }
        }
    }

    /// The newest of the jobs that the fewest work on, if that is nobody or `may_share`.
    fn choose(&self, jobs: &Jobs, may_share: bool) -> Option<Task> {
        let working = |job: &Arc<Job>| self.tasks().filter(|task| task.job.id == job.id).count();
        let job = jobs.iter().min_by_key(|job| working(job))?;
        let shared = self.tasks().find(|task| task.job.id == job.id);
        match shared {
            None => Some(Task::new(job)),
            Some(task) if may_share => Some(task.clone()),
            Some(_) => None,
        }
    }

    fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.seats.iter().filter_map(Seat::task)
    }

    /// What each process is to work on.
    pub(super) fn dealt(&self) -> impl ExactSizeIterator<Item = Option<&Task>> {
        self.seats.iter().map(Seat::task)
    }

    /// When a free process has waited long enough for a job of its own, while there is one to share.
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.tasks().next()?;
        let free = self.seats.iter().filter_map(|seat| match seat {
            Seat::FreeSince(since) => Some(*since + self.patience),
            Seat::At(_) => None,
        });
        free.min()
    }
}

impl Seat {
    fn task(&self) -> Option<&Task> {
        match self {
            Self::At(task) => Some(task),
            Self::FreeSince(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::external::test_job::job;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn ids(dealer: &Dealer) -> Vec<Option<u64>> {
        let id = |task: Option<&Task>| task.map(|task| task.job.id.0);
        dealer.dealt().map(id).collect()
    }

    /// Deals these live jobs out.
    #[track_caller]
    fn check(dealer: &mut Dealer, now: Instant, live: &[u64], expected: [Option<u64>; 3]) {
        let jobs = Jobs::new(live.iter().map(|id| job(*id)).collect());
        dealer.deal(now, &jobs);
        assert_eq!(ids(dealer), expected);
    }

    #[test]
    fn each_process_has_a_job_of_its_own_where_there_are_enough() {
        let begun = Instant::now();
        let mut dealer = Dealer::new(begun, 3, PATIENCE);
        assert_eq!((ids(&dealer), dealer.next_wakeup()), (vec![None; 3], None));
        // The newest comes first, and whoever has none waits.
        check(&mut dealer, begun, &[2, 1], [Some(2), Some(1), None]);
        assert_eq!(dealer.next_wakeup(), Some(begun + PATIENCE));
        check(
            &mut dealer,
            begun,
            &[4, 3, 2, 1],
            [Some(2), Some(1), Some(4)],
        );
        assert_eq!(dealer.next_wakeup(), None);
        // Nobody moves who need not.
        check(
            &mut dealer,
            begun,
            &[5, 4, 3, 1],
            [Some(5), Some(1), Some(4)],
        );
        // There are too few.
        let later = begun + Duration::from_secs(1);
        check(&mut dealer, later, &[4], [None, None, Some(4)]);
        check(&mut dealer, later + PATIENCE, &[4], [Some(4); 3]);
        // Those who share stay on a job that is live.
        check(&mut dealer, later + PATIENCE, &[6, 4], [Some(4); 3]);
        check(&mut dealer, later + PATIENCE, &[], [None; 3]);
        assert_eq!(dealer.next_wakeup(), None);
        // After a long wait they spread over what there is.
        let late = later + 3 * PATIENCE;
        check(&mut dealer, late, &[8, 7], [Some(8), Some(7), Some(8)]);
    }

    #[test]
    fn no_header_of_a_job_is_given_out_twice_and_the_first_is_the_works_own() {
        let begun = Instant::now();
        let mut dealer = Dealer::new(begun, 2, Duration::ZERO);
        let job = job(1);
        dealer.deal(begun, &Jobs::new(vec![Arc::clone(&job)]));
        let tasks: Vec<_> = dealer.dealt().flatten().collect();
        let given = [tasks[0].header(), tasks[1].header(), tasks[0].header()];
        let own = job.work.header();
        for (micros, stamped) in (0..).zip(given) {
            let creation_time = CreationTime::from_micros(own.creation_time().as_micros() + micros);
            assert_eq!(stamped.creation_time, creation_time);
            assert_eq!(stamped.header, own.with_creation_time(creation_time));
            // The coordinator takes it from then on.
            assert!(creation_time <= job.creation_time_at(stamped.valid_from));
        }
    }
}
