//! Answers with work: whether it is current, and where it becomes a live job: in a free slot, in
//! place of an older job, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chainweb::Work;
use node::Error;

use super::config::Config;
use super::event::Seq;
use super::freshness::{Freshness, Refresh, same_parents};
use super::live::Live;
use super::state::Coordinator;
use crate::job::{Job, JobId, NodeId, Outdated};
use crate::telemetry::Event;
use crate::telemetry::event::{JobEvent, RefreshOutcome, RequestKind, Retirement, WorkDiscarded};

impl Coordinator {
    pub(super) fn work(&mut self, id: NodeId, requested: Seq, result: Result<Work, Error>) {
        let Some(work) = self.answered(id, RequestKind::Work, result) else {
            return;
        };
        let node = &mut self.nodes[id.0];
        if self.is_stopping || requested < node.since || node.is_paused(self.now) {
            return;
        }
        if self.is_foreign_work(id, work.header()) {
            return;
        }
        self.insure(id, &work);
        let node = &mut self.nodes[id.0];
        let (requested_at, next) = (node.work_requested, (work.chain(), work.header().height()));
        let (chain, height) = next;
        self.height_shown(id, next, (requested, requested_at));
        let streams = &self.nodes[id.0].streams;
        let by_streams = streams.freshness(work.header(), requested, self.seq);
        let by_solutions = self.submissions.freshness(work.header(), requested);
        let is_passed = self.is_passed(id, next);
        if self.is_submit_only(id) {
            return;
        }
        let freshness = by_streams.max(by_solutions);
        if freshness < Freshness::Contested {
            self.read_height(id, requested_at, next);
        }
        let discarded = match freshness {
            _ if !self.demand.admits(chain) => Some(WorkDiscarded::Unwanted),
            _ if is_passed => Some(WorkDiscarded::Outdated),
            Freshness::Current | Freshness::Unconfirmed { .. } => None,
            Freshness::Contested => Some(WorkDiscarded::ParentContested),
            Freshness::Outdated => Some(WorkDiscarded::Outdated),
        };
        let Some(reason) = discarded else {
            self.subscribe(id, chain);
            let job = Job {
                id: JobId(self.seq.0),
                node: id,
                work,
                received: self.now,
                outdated: Outdated::default(),
            };
            self.place(Arc::new(job), freshness, requested);
            return;
        };
        self.report(Event::WorkDiscarded {
            node: id,
            chain,
            height,
            reason,
        });
        match reason {
            // Work requested under an earlier demand does not show what the node issues now.
            WorkDiscarded::Unwanted if requested > self.demanded => self.draw_again(id),
            WorkDiscarded::ParentContested if self.wants_view(id) => self.draw_again(id),
            WorkDiscarded::ParentContested => self.hold_work(id),
            WorkDiscarded::Outdated if by_streams == Freshness::Outdated => {
                self.nodes[id.0].chase(&self.config.timing);
            }
            // Until the node learns of the block.
            WorkDiscarded::Outdated if is_passed => self.hold_work(id),
            WorkDiscarded::Outdated | WorkDiscarded::Unwanted => {}
        }
    }

    /// Makes a job live in a free slot or in place of a job due for new work.
    fn place(&mut self, job: Arc<Job>, freshness: Freshness, requested: Seq) {
        let (now, node, chain) = (self.now, job.node, job.chain());
        let mut refresh = self.nodes[node.0].streams.refreshed_since(chain, requested);
        let is_for_slot = self.is_for_slot(node);
        let held = self.live.find(node, chain);
        let is_standby = held.as_ref().map_or(!is_for_slot, |live| live.is_standby);
        let held = held.map(|live| (Arc::clone(&live.job), live.due <= now, live.refresh));
        let header = job.work.header();
        if held.is_none() && !self.is_of_use(&job, is_standby) {
            if is_for_slot {
                self.draw_again(node);
            } else {
                self.hold_work(node);
            }
            return;
        }
        let replaced = match held {
            Some((old, ..)) if old.work.header().differs_only_in_time_and_nonce(header) => {
                self.confirm(&old, refresh, requested);
                return;
            }
            Some((old, ..)) if !same_parents(old.work.header(), header) => {
                Some((old.id, Retirement::Superseded))
            }
            Some((_, false, _)) => {
                self.draw_again(node);
                return;
            }
            Some((old, true, None)) => Some((old.id, Retirement::Refetched)),
            Some((old, true, Some(first))) => {
                if first.seq < requested {
                    self.preempted(&old, first);
                } else {
                    // The new work may lack the refresh as well.
                    refresh = Some(first);
                }
                Some((old.id, Retirement::Preempted))
            }
            None if is_standby => self
                .live
                .standby()
                .map(|live| (live.job.id, Retirement::Refetched)),
            None if self.has_room() => None,
            None => match self.live.published().filter(|live| live.due <= now).last() {
                Some(due) => Some((due.job.id, Retirement::Refetched)),
                None => return,
            },
        };
        if let Some((id, reason)) = replaced {
            self.retire(reason, |live| live.job.id == id);
        }
        self.count_job(&job, requested);
        if refresh.is_some() {
            job.outdate(now);
        }
        let live = Live {
            due: fetch_due(&self.config, now, &job, refresh),
            job,
            issued: now,
            expires: self.nodes[node.0].payload_expires(now, &self.config.timing),
            refresh,
            freshness,
            is_standby,
            asked: BTreeMap::new(),
        };
        self.live.jobs.insert(0, live);
        if replaced.is_some() && self.needs_jobs() {
            self.draw_again(node);
        } else {
            self.nodes[node.0].useless_work = 0;
        }
    }

    /// Whether the work of a node is for a slot of the worker, and not for the standby job.
    fn is_for_slot(&self, id: NodeId) -> bool {
        let serves = id == self.upstreams.serving;
        !self.has_several_nodes() || serves && !self.is_standby(id)
    }

    /// Whether a job is of use whose node has no other on the chain. Retires the job of another
    /// node that it outdates.
    fn is_of_use(&mut self, job: &Job, is_standby: bool) -> bool {
        let chain = job.chain();
        if is_standby {
            return self.is_better_standby(job.node, chain);
        }
        let new = job.work.header();
        let is_other = |live: &Live| !live.is_standby && live.job.chain() == chain;
        let is_better = self
            .live
            .published()
            .filter(|live| is_other(live))
            .any(|live| {
                let old = live.job.work.header();
                old.height() > new.height() || same_parents(old, new)
            });
        if !is_better {
            self.retire(Retirement::Superseded, is_other);
        }
        !is_better
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
        self.nodes[job.node.0].counts.jobs += 1;
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
    fn confirm(&mut self, held: &Job, latest: Option<Refresh>, requested: Seq) {
        let now = self.now;
        let Some(live) = self.live.find(held.node, held.chain()) else {
            return;
        };
        live.issued = now;
        live.expires = self.nodes[held.node.0].payload_expires(now, &self.config.timing);
        let is_due = live.due <= now;
        if is_due {
            let is_refreshed = live.refresh.is_some_and(|first| first.seq < requested);
            if is_refreshed || live.refresh.is_none() {
                live.refresh = latest;
            }
            let refresh = live.refresh;
            if refresh.is_none() {
                held.renew();
            }
            live.due = fetch_due(&self.config, now, held, refresh);
            self.report_job(held, JobEvent::Confirmed);
            if is_refreshed {
                self.counters.refreshes.identical += 1;
                self.report_job(held, JobEvent::Refreshed(RefreshOutcome::Identical));
            }
        }
        if !is_due || self.has_room() {
            self.draw_again(held.node);
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.live.published().count() < self.config.work_slots
    }

    /// Pauses requests for work: the node issues what is of no use now, and is not asked again and
    /// again.
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
