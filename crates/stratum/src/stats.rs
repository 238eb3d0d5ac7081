//! What each worker did, by its name, across all of its sessions.
//!
//! A session takes the lock over all names once, when it logs in; afterwards it records into its worker's own tally. Two
//! sessions meet at a lock only if they have one name, and the reader of a snapshot holds each tally for a moment, so that
//! no lock is hot whatever the number of sessions; a channel to one owner would make every share wake another task.
//! Names come from miners: their number, their length and what they consist of are bounded. Nothing here knows the
//! difficulty of a block, or what became of one.

mod name;
mod rates;
mod snapshot;
mod table;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};

pub use self::name::WorkerName;
pub use self::snapshot::{HashRates, WorkerSnapshot};
pub use self::table::table;
use self::tally::Tally;
pub use self::tally::{Freshness, Rejection, Rejections};

/// A worker without a session is forgotten after this time.
const REMEMBERED: Duration = Duration::from_hours(24);

/// As [`REMEMBERED`], of a worker of whom no share was ever accepted: a scanner, or a name with a slip in it.
const REMEMBERED_IDLE: Duration = Duration::from_hours(1);

/// The statistics of all workers of a server.
#[derive(Debug)]
pub struct Stats {
    most_names: usize,
    workers: Mutex<Workers>,
}

#[derive(Debug, Default)]
struct Workers {
    named: BTreeMap<WorkerName, Arc<Worker>>,
    /// Those for whom there is no room; `None` as long as there are none.
    others: Option<Arc<Worker>>,
}

#[derive(Debug)]
struct Worker {
    name: WorkerName,
    tally: Mutex<Tally>,
}

impl Worker {
    fn new(name: WorkerName, now: Instant) -> Self {
        Self {
            name,
            tally: Mutex::new(Tally::new(now)),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }
}

/// Counts are sound after each statement: a panic of another holder spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stats {
    /// Statistics of at most `most_names` workers by name, about a kilobyte each; all others are gathered under one.
    pub fn new(most_names: usize) -> Self {
        Self {
            most_names,
            workers: Mutex::default(),
        }
    }

    /// Begins a session of the worker of this name; it lasts until the value that is given back is dropped.
    pub fn open(&self, now: Instant, name: &WorkerName) -> WorkerSession {
        let mut workers = lock(&self.workers);
        let worker = match workers.named.get(name) {
            Some(worker) => Arc::clone(worker),
            None if workers.named.len() < self.most_names => {
                let worker = Arc::new(Worker::new(name.clone(), now));
                workers.named.insert(name.clone(), Arc::clone(&worker));
                worker
            }
            None => Arc::clone(
                workers
                    .others
                    .get_or_insert_with(|| Arc::new(Worker::new(WorkerName::others(), now))),
            ),
        };
        // Under the lock, so that a snapshot between the two cannot forget the worker.
        worker.tally().open(now);
        WorkerSession { worker }
    }

    /// All workers in the order of their names, then those without a name of their own in one. Forgets who has been gone
    /// for a day. To be called once an hour at least, or the names of strangers take the room of others.
    pub fn snapshot(&self, now: Instant) -> Vec<WorkerSnapshot> {
        let all: Vec<_> = {
            let mut workers = lock(&self.workers);
            let is_known = |worker: &Arc<Worker>| worker.tally().is_known(now);
            workers.named.retain(|_, worker| is_known(worker));
            workers.others = workers.others.take().filter(is_known);
            workers
                .named
                .values()
                .chain(&workers.others)
                .cloned()
                .collect()
        };
        all.iter()
            .map(|worker| worker.tally().snapshot(worker.name.clone(), now))
            .collect()
    }
}

/// One session of a worker, to hand in what happens. Dropping it ends the session.
#[derive(Debug)]
pub struct WorkerSession {
    worker: Arc<Worker>,
}

impl WorkerSession {
    /// The name under which the worker is counted.
    pub fn name(&self) -> &WorkerName {
        &self.worker.name
    }

    /// Counts a share that was accepted for a job that was `freshness`: its worth, and the difficulty of its hash.
    pub fn accepted(
        &self,
        now: Instant,
        credited: Difficulty,
        found: Difficulty,
        freshness: Freshness,
    ) {
        self.worker
            .tally()
            .accepted(now, credited, found, freshness);
    }

    /// Counts a share that was refused.
    pub fn rejected(&self, now: Instant, rejection: Rejection) {
        self.worker.tally().rejected(now, rejection);
    }

    /// Counts a block, besides the share that it may be, and the difficulty of its hash.
    pub fn block(&self, now: Instant, found: Difficulty) {
        self.worker.tally().block(now, found);
    }

    /// Notes the level that shares are asked for at.
    pub fn set_level(&self, level: Level) {
        self.worker.tally().level = Some(level);
    }

    /// Notes the level at which a share came last.
    pub fn remember(&self, level: Level) {
        self.worker.tally().ran_at = Some(level);
    }

    /// The level at which a share of the worker came last, in this session or an earlier one; none of a worker without a
    /// name of its own, since others run at other levels.
    pub fn remembered(&self) -> Option<Level> {
        if self.worker.name.is_own() {
            self.worker.tally().ran_at
        } else {
            None
        }
    }
}

impl Drop for WorkerSession {
    fn drop(&mut self) {
        self.worker.tally().close();
    }
}
