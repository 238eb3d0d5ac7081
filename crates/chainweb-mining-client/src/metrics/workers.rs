//! Which workers have metrics of their own.
//!
//! The number of series is bounded: the workers beyond the limit are counted together. Counters
//! must not fall, so a worker stays on its side of the limit while it is known, and the shares of
//! workers that are forgotten stay in the sum.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chainweb::{Difficulty, Level};
use miner::telemetry::snapshot::{Device, Devices};
use stratum::{Rejection, WorkerName, WorkerSnapshot};

/// The highest number of workers with metrics of their own.
const MAX_NAMED: usize = 1000;

/// The name of the others.
const OTHER: &str = "other";
/// The name of a worker that has this name, escaped as only characters that cannot be seen are.
const NAMED_OTHER: &str = "%6Fther";

/// The workers with metrics of their own, as of the last selection.
#[derive(Debug, Default)]
pub struct NamedWorkers {
    named: BTreeSet<WorkerName>,
    /// The shares of the others that are known.
    others: BTreeMap<WorkerName, Shares>,
    /// The shares of others that are forgotten.
    forgotten: Shares,
}

/// The figures of workers at one moment.
#[derive(Debug)]
pub struct Workers(Vec<Worker>);

/// The figures of one worker, or of the others together.
#[derive(Debug)]
pub(super) struct Worker {
    name: Option<WorkerName>,
    pub(super) shares: Shares,
    pub(super) last_share: Option<Duration>,
    pub(super) best: Option<Difficulty>,
    /// The share difficulty in leading zero bits.
    pub(super) level: Option<u16>,
}

/// Shares by result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    pub(super) accepted: u64,
    pub(super) stale: u64,
    pub(super) rejected: u64,
}

impl NamedWorkers {
    /// Returns the figures of the devices. Workers that are new get metrics of their own as far as
    /// there is room, those with the most shares first.
    pub fn select(&mut self, devices: &Devices) -> Workers {
        let known = |name: &WorkerName| {
            let of = |device: &Device| device.stats.name.cmp(name);
            devices.each.binary_search_by(of).is_ok()
        };
        self.named.retain(known);
        for (_, shares) in self.others.extract_if(.., |name, _| !known(name)) {
            self.forgotten.add(shares);
        }
        let is_new = |stats: &&WorkerSnapshot| {
            let name = &stats.name;
            name.is_own() && !self.named.contains(name) && !self.others.contains_key(name)
        };
        let all = devices.each.iter().map(|device| &device.stats);
        let mut new: Vec<_> = all.clone().filter(is_new).collect();
        new.sort_by_key(|stats| Reverse(stats.accepted));
        new.truncate(MAX_NAMED.saturating_sub(self.named.len()));
        self.named
            .extend(new.iter().map(|stats| stats.name.clone()));
        let (named, others): (Vec<_>, Vec<_>) =
            all.partition(|stats| self.named.contains(&stats.name));
        let mut workers: Vec<_> = named.into_iter().map(Worker::of).collect();
        self.others = others
            .iter()
            .map(|stats| (stats.name.clone(), Shares::of(stats)))
            .collect();
        let mut sum = self.forgotten;
        self.others.values().for_each(|shares| sum.add(*shares));
        if sum.total() > 0 {
            workers.push(Worker {
                name: None,
                shares: sum,
                last_share: others.iter().filter_map(|stats| stats.last_share).min(),
                best: others.iter().filter_map(|stats| stats.best).max(),
                level: None,
            });
        }
        Workers(workers)
    }
}

impl Workers {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Worker)> {
        self.0.iter().map(|worker| {
            let name = match worker.name.as_ref().map(WorkerName::as_str) {
                None => OTHER,
                Some(OTHER) => NAMED_OTHER,
                Some(name) => name,
            };
            (name, worker)
        })
    }
}

impl Worker {
    fn of(stats: &WorkerSnapshot) -> Self {
        Self {
            name: Some(stats.name.clone()),
            shares: Shares::of(stats),
            last_share: stats.last_share,
            best: stats.best,
            level: stats.level.map(Level::bits),
        }
    }
}

impl Shares {
    fn of(stats: &WorkerSnapshot) -> Self {
        Self {
            accepted: stats.all_accepted(),
            stale: stats.rejections.of(Rejection::Stale),
            rejected: stats.rejections.except_stale(),
        }
    }

    fn add(&mut self, more: Self) {
        self.accepted += more.accepted;
        self.stale += more.stale;
        self.rejected += more.rejected;
    }

    fn total(self) -> u64 {
        self.accepted + self.stale + self.rejected
    }
}
