//! Statistics by worker name, across all sessions of a worker.
//!
//! A session locks the map of names once, at login; afterwards it locks its worker's tally alone.
//! Only sessions of the same name share that lock, and a snapshot holds each for a moment, so none
//! is contended; a channel to one owner would make each share wake another task. The sums of all
//! workers are atomic. Clients choose the names: their number, length and characters are bounded.
//! Rates and blocks after submission are not known here.

mod name;
mod rejection;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;
mod total;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chainweb::{Difficulty, Level};

pub use self::name::WorkerName;
pub use self::rejection::{Freshness, Rejection, Rejections};
pub use self::snapshot::WorkerSnapshot;
use self::tally::Tally;
pub use self::total::Credit;
use self::total::Total;

/// The statistics of all workers of a server.
#[derive(Debug)]
pub struct Stats {
    max_names: usize,
    workers: Mutex<Workers>,
    total: Arc<Total>,
}

#[derive(Debug, Default)]
struct Workers {
    named: BTreeMap<WorkerName, Arc<Worker>>,
    /// All workers beyond the limit; `None` if there are none.
    others: Option<Arc<Worker>>,
    /// Workers that are not connected, by name: those of earlier runs, and those removed.
    earlier: BTreeMap<String, Earlier>,
}

/// What is remembered of a worker that is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Earlier {
    /// The highest difficulty of a hash.
    pub best: Option<Difficulty>,
    /// The level of the last share.
    pub level: Option<Level>,
}

#[derive(Debug)]
struct Worker {
    name: WorkerName,
    tally: Mutex<Tally>,
}

impl Worker {
    fn new(name: WorkerName, now: Instant, earlier: Earlier) -> Self {
        Self {
            name,
            tally: Mutex::new(Tally::new(now, earlier)),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }
}

/// Ignores poisoning: the counts are consistent after each statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stats {
    /// Creates statistics for at most `max_names` worker names, of less than a kilobyte each.
    /// Further workers are counted together.
    pub fn new(max_names: usize) -> Self {
        Self {
            max_names,
            workers: Mutex::default(),
            total: Arc::default(),
        }
    }

    /// Returns the work of all workers since the start, also of those that are forgotten.
    pub fn credit(&self) -> Credit {
        self.total.read()
    }

    /// Gives workers of earlier runs back what is remembered of them, for their next connection.
    pub fn restore(&self, earlier: impl IntoIterator<Item = (String, Earlier)>) {
        lock(&self.workers)
            .earlier
            .extend(earlier.into_iter().take(self.max_names));
    }

    /// Opens a session of the worker of this name, which ends when the returned value is dropped.
    pub fn open(&self, now: Instant, name: &WorkerName) -> WorkerSession {
        let mut workers = lock(&self.workers);
        let worker = match workers.named.get(name) {
            Some(worker) => Arc::clone(worker),
            None if workers.named.len() < self.max_names => {
                let earlier = workers.earlier.remove(name.as_str()).unwrap_or_default();
                let worker = Arc::new(Worker::new(name.clone(), now, earlier));
                workers.named.insert(name.clone(), Arc::clone(&worker));
                worker
            }
            None => Arc::clone(workers.others.get_or_insert_with(|| {
                Arc::new(Worker::new(WorkerName::others(), now, Earlier::default()))
            })),
        };
        // Within the lock, or a snapshot could remove the worker in between.
        worker.tally().open(now);
        let total = Arc::clone(&self.total);
        WorkerSession { worker, total }
    }

    /// Returns all workers ordered by name, then one entry for those beyond the limit.
    ///
    /// Removes workers that have been gone for a day, or for an hour if none of their shares was
    /// accepted. Has to be called at least once an hour, or names without use fill the map.
    pub fn snapshot(&self, now: Instant) -> Vec<WorkerSnapshot> {
        self.each(now).collect()
    }

    /// Returns the same one by one, so that those of thousands of workers take no memory at once.
    pub fn each(&self, now: Instant) -> impl Iterator<Item = WorkerSnapshot> + use<> {
        let all: Vec<_> = {
            let mut guard = lock(&self.workers);
            let workers = &mut *guard;
            let is_kept = |worker: &Arc<Worker>| worker.tally().is_kept(now);
            for (name, worker) in workers.named.extract_if(.., |_, worker| !is_kept(worker)) {
                let earlier = worker.tally().earlier();
                if earlier.best.is_some() && workers.earlier.len() < self.max_names {
                    workers.earlier.insert(name.as_str().to_owned(), earlier);
                }
            }
            workers.others = workers.others.take().filter(is_kept);
            workers
                .named
                .values()
                .chain(&workers.others)
                .cloned()
                .collect()
        };
        all.into_iter()
            .map(move |worker| worker.tally().snapshot(worker.name.clone(), now))
    }
}

/// Records one session of a worker. Dropping it ends the session.
#[derive(Debug)]
pub struct WorkerSession {
    worker: Arc<Worker>,
    total: Arc<Total>,
}

impl WorkerSession {
    /// Returns the name under which the session is counted.
    pub(crate) fn name(&self) -> &WorkerName {
        &self.worker.name
    }

    /// Counts an accepted share: the difficulty credited, the difficulty of its hash, and that of
    /// its block.
    pub fn accepted(
        &self,
        now: Instant,
        credited: Difficulty,
        achieved: Difficulty,
        block: Difficulty,
        freshness: Freshness,
    ) {
        let hashes = credited.as_f64();
        let credit = Credit {
            hashes,
            stale: match freshness {
                Freshness::Current => 0.0,
                Freshness::Late => hashes,
            },
            expected: hashes / block.as_f64(),
        };
        self.worker
            .tally()
            .accepted(now, credit, achieved, freshness);
        self.total.add(credit);
    }

    /// Counts a refused share, and the difficulty that it would have been credited if it was only
    /// stale.
    pub(crate) fn rejected(&self, now: Instant, rejection: Rejection, credit: Option<Difficulty>) {
        self.worker.tally().rejected(now, rejection);
        if let (Rejection::Stale, Some(credit)) = (rejection, credit) {
            let hashes = credit.as_f64();
            self.total.add(Credit {
                hashes,
                stale: hashes,
                expected: 0.0,
            });
        }
    }

    /// Counts a block by the difficulty of its hash. Its share is counted separately.
    pub(crate) fn block(&self, now: Instant, achieved: Difficulty) {
        self.worker.tally().block(now, achieved);
    }

    /// Records the current share difficulty.
    pub fn set_level(&self, level: Level) {
        self.worker.tally().level = Some(level);
    }

    /// Records the agent and the address of the client.
    pub(crate) fn set_client(&self, agent: &str, peer: Option<IpAddr>) {
        if self.worker.name.is_own() {
            self.worker.tally().set_client(agent, peer);
        }
    }

    /// Records the level of the last share.
    pub(crate) fn set_last_share_level(&self, level: Level) {
        self.worker.tally().last_share_level = Some(level);
    }

    /// Returns the level of the worker's last share, in this session or an earlier one. Returns
    /// `None` for workers counted together, since their levels differ.
    pub(crate) fn last_share_level(&self) -> Option<Level> {
        if self.worker.name.is_own() {
            self.worker.tally().last_share_level
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
