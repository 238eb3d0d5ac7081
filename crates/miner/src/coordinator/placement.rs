//! Where work becomes a live job: in a free slot, in place of an older job, or not at all.

use std::sync::Arc;
use std::time::Instant;

use super::config::Config;
use super::freshness::Freshness;
use super::live::{Live, LiveJobs};
use super::parents::same_parents;
use super::preemption::Refresh;
use super::seq::Seq;
use crate::job::Job;
use crate::telemetry::event::{RefreshOutcome, Retirement};

/// Work as it arrived: a job not live yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) job: &'a Arc<Job>,
    pub(super) freshness: Freshness,
    /// When the work was requested.
    pub(super) requested: Seq,
    /// The latest refresh of the chain since the request.
    pub(super) refresh: Option<Refresh>,
}

/// What became of a candidate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// It is live.
    Added { replaced: Option<Replaced> },
    /// The job of its chain was due for a fetch, and is still what the node issues.
    Confirmed {
        job: Arc<Job>,
        refresh: Option<RefreshOutcome>,
    },
    /// The job of its chain is as good.
    Held,
    /// All slots hold jobs on other chains, none of them due.
    NotNeeded,
}

/// A job replaced by a candidate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) job: Arc<Job>,
    pub(super) reason: Retirement,
    pub(super) refresh: Option<RefreshOutcome>,
}

impl Candidate<'_> {
    /// Whether the work surely includes the refresh.
    fn includes(&self, refresh: Option<Refresh>) -> bool {
        refresh.is_none_or(|refresh| refresh.seq < self.requested)
    }
}

impl LiveJobs {
    /// Makes the candidate live in a free slot or in place of a job due for new work.
    pub(super) fn place(
        &mut self,
        now: Instant,
        config: &Config,
        candidate: Candidate<'_>,
    ) -> Placement {
        let job = candidate.job;
        if let Some(at) = self.position(job.node, job.chain()) {
            return self.place_on_held(now, config, at, candidate);
        }
        let mut replaced = None;
        if !self.has_room(config.work_slots) {
            let Some(at) = self.live.iter().rposition(|live| live.due <= now) else {
                return Placement::NotNeeded;
            };
            replaced = Some(Replaced {
                job: self.take(at),
                reason: Retirement::Refetched,
                refresh: None,
            });
        }
        self.add(now, config, candidate);
        Placement::Added { replaced }
    }

    /// Places a candidate whose chain has a job.
    fn place_on_held(
        &mut self,
        now: Instant,
        config: &Config,
        at: usize,
        mut candidate: Candidate<'_>,
    ) -> Placement {
        let held = &self.live[at];
        let (old, new) = (held.job.work.header(), candidate.job.work.header());
        let is_due = held.due <= now;
        if old.differs_only_in_time_and_nonce(new) {
            return self.confirm(now, config, at, candidate);
        }
        let (reason, refresh) = if !same_parents(old, new) {
            (Retirement::Superseded, None)
        } else if !is_due {
            return Placement::Held;
        } else {
            self.preempt(now, at, &mut candidate)
        };
        let replaced = Some(Replaced {
            job: self.take(at),
            reason,
            refresh,
        });
        self.add(now, config, candidate);
        Placement::Added { replaced }
    }

    /// The node issued the work of a live job again and so keeps its payload for longer. The worker
    /// goes on undisturbed.
    fn confirm(
        &mut self,
        now: Instant,
        config: &Config,
        at: usize,
        candidate: Candidate<'_>,
    ) -> Placement {
        let held = &mut self.live[at];
        held.issued = now;
        if held.due > now {
            return Placement::Held;
        }
        let mut refresh = None;
        if candidate.includes(held.refresh) {
            refresh = held.refresh.map(|_| RefreshOutcome::Identical);
            self.refreshes.identical += u64::from(refresh.is_some());
            held.refresh = candidate.refresh;
        }
        held.due = due(now, config, &held.job, held.refresh);
        Placement::Confirmed {
            job: Arc::clone(&held.job),
            refresh,
        }
    }

    /// Settles the refresh of a job before a candidate on the same parents replaces the job. If the
    /// candidate may lack the refresh, it becomes the candidate's.
    fn preempt(
        &mut self,
        now: Instant,
        at: usize,
        candidate: &mut Candidate<'_>,
    ) -> (Retirement, Option<RefreshOutcome>) {
        let Some(first) = self.live[at].refresh.take() else {
            return (Retirement::Refetched, None);
        };
        if !candidate.includes(Some(first)) {
            candidate.refresh = Some(first);
            return (Retirement::Preempted, None);
        }
        let outdated = now.saturating_duration_since(first.at);
        self.refreshes.preempted += 1;
        self.refreshes.outdated += outdated;
        let outcome = RefreshOutcome::Preempted { outdated };
        (Retirement::Preempted, Some(outcome))
    }

    fn add(&mut self, now: Instant, config: &Config, candidate: Candidate<'_>) {
        let Candidate {
            job,
            freshness,
            refresh,
            ..
        } = candidate;
        let live = Live {
            job: Arc::clone(job),
            issued: now,
            due: due(now, config, job, refresh),
            refresh,
            freshness,
        };
        self.live.insert(0, live);
    }
}

/// Returns when to fetch new work for a job issued at `now`.
fn due(now: Instant, config: &Config, job: &Job, refresh: Option<Refresh>) -> Instant {
    let by_age = now + config.timing.refetch_age;
    let by_refresh =
        refresh.and_then(|refresh| config.preemption.due(refresh.at, job.received, now));
    by_refresh.map_or(by_age, |at| at.min(by_age))
}
