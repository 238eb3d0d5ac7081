//! Where work becomes a live job: in a free slot, in place of an older job, or not at all.

use std::sync::Arc;
use std::time::Instant;

use super::config::Config;
use super::event::Seq;
use super::freshness::{Freshness, Refresh, same_parents};
use super::live::Live;
use super::state::Coordinator;
use crate::job::{Job, NodeId};
use crate::telemetry::event::{JobEvent, RefreshOutcome, Retirement};

impl Coordinator {
    /// Makes a job live in a free slot or in place of a job due for new work.
    pub(super) fn place(&mut self, job: Arc<Job>, freshness: Freshness, requested: Seq) {
        let (now, node, chain) = (self.now, job.node, job.chain());
        let mut refresh = self.nodes[node.0].streams.refreshed_since(chain, requested);
        let replaced = if let Some(held) = self.live.find(node, chain) {
            let (old, new) = (held.job.work.header(), job.work.header());
            let is_same = old.differs_only_in_time_and_nonce(new);
            let has_same_parents = same_parents(old, new);
            let (old, is_due, first) = (Arc::clone(&held.job), held.due <= now, held.refresh);
            if is_same {
                self.confirm(&old, refresh, requested);
                return;
            } else if !has_same_parents {
                Some((old.id, Retirement::Superseded))
            } else if !is_due {
                self.hold_work(node);
                return;
            } else if let Some(first) = first {
                if first.seq < requested {
                    self.preempted(&old, first);
                } else {
                    // The new work may lack the refresh as well.
                    refresh = Some(first);
                }
                Some((old.id, Retirement::Preempted))
            } else {
                Some((old.id, Retirement::Refetched))
            }
        } else if self.has_room() {
            None
        } else {
            let mut oldest_first = self.live.jobs.iter().rev();
            let Some(due) = oldest_first.find(|live| live.due <= now) else {
                return;
            };
            Some((due.job.id, Retirement::Refetched))
        };
        if let Some((id, reason)) = replaced {
            self.retire(reason, |live| live.job.id == id);
        }
        self.count_job(&job, requested);
        let live = Live {
            due: fetch_due(&self.config, now, &job, refresh),
            job,
            issued: now,
            refresh,
            freshness,
        };
        self.live.jobs.insert(0, live);
        if replaced.is_some() && self.has_room() {
            self.hold_work(node);
        }
    }

    /// The refresh of a job is included in the work to replace it.
    fn preempted(&mut self, job: &Job, refresh: Refresh) {
        let outdated = self.now.saturating_duration_since(refresh.at);
        self.counters.refreshes.preempted += 1;
        self.counters.refreshes.outdated += outdated;
        let outcome = RefreshOutcome::Preempted { outdated };
        self.report_job(job, JobEvent::Refreshed(outcome));
    }

    fn count_job(&mut self, job: &Job, requested: Seq) {
        let streams = &self.nodes[job.node.0].streams;
        let watched = streams.is_watched_since(job.chain(), requested);
        self.counters.jobs += 1;
        self.counters.unwatched_jobs += u64::from(!watched);
        let difficulty = job.work.target().difficulty();
        let event = JobEvent::Received {
            difficulty,
            watched,
        };
        self.report_job(job, event);
    }

    /// The node issued the work of a live job again and so keeps its payload for longer. The worker
    /// goes on undisturbed.
    fn confirm(&mut self, held: &Arc<Job>, latest: Option<Refresh>, requested: Seq) {
        let now = self.now;
        let Some(live) = self.live.find(held.node, held.chain()) else {
            return;
        };
        live.issued = now;
        let is_due = live.due <= now;
        if is_due {
            let is_refreshed = live.refresh.is_some_and(|first| first.seq < requested);
            if is_refreshed || live.refresh.is_none() {
                live.refresh = latest;
            }
            let refresh = live.refresh;
            live.due = fetch_due(&self.config, now, held, refresh);
            self.report_job(held, JobEvent::Confirmed);
            if is_refreshed {
                self.counters.refreshes.identical += 1;
                self.report_job(held, JobEvent::Refreshed(RefreshOutcome::Identical));
            }
        }
        if !is_due || self.has_room() {
            self.hold_work(held.node);
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.live.jobs.len() < self.config.work_slots
    }

    /// Pauses requests for work: the node issues what is of no use now, and is not asked again and
    /// again. Perhaps no other chain can be mined.
    pub(super) fn hold_work(&mut self, id: NodeId) {
        let until = self.now + self.config.timing.held_chain_pause;
        self.nodes[id.0].work.hold(until);
    }
}

/// Returns when to fetch new work for a job issued at `now`.
fn fetch_due(config: &Config, now: Instant, job: &Job, refresh: Option<Refresh>) -> Instant {
    let by_age = now + config.timing.refetch_age;
    let by_refresh = refresh.and_then(|first| config.preemption.due(first.at, job.received, now));
    by_refresh.map_or(by_age, |at| at.min(by_age))
}
