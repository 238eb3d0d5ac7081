//! Answers with work: whether it is current, and where it becomes a live job.

use std::sync::Arc;
use std::time::Instant;

use chainweb::Work;
use node::Error;

use super::freshness::Freshness;
use super::placement::{Candidate, Placement};
use super::seq::Seq;
use super::state::Coordinator;
use crate::job::{Job, NodeId};
use crate::telemetry::Event;
use crate::telemetry::event::{JobEvent, RefreshOutcome, RequestKind, WorkDiscarded};

impl Coordinator {
    pub(super) fn work(
        &mut self,
        now: Instant,
        id: NodeId,
        requested: Seq,
        result: Result<Work, Error>,
    ) {
        let seq = self.newest_seq.advance();
        let Some(work) = self.answered(now, id, RequestKind::Work, result) else {
            return;
        };
        let node = &self.nodes[id.0];
        if self.is_stopping || requested < node.since || node.pow.is_paused(now) {
            return;
        }
        let chain = work.chain();
        if !self.demand.admits(chain) {
            self.report_discarded(id, &work, WorkDiscarded::Unwanted);
            // Work requested under an earlier demand does not show what the node issues now.
            if requested > self.demanded {
                let until = now + self.config.timing.unwanted_pause;
                self.nodes[id.0].work.hold(until);
            }
            return;
        }
        let by_streams = node.streams.freshness(work.header(), requested, seq);
        let by_solutions = self.submissions.freshness(id, work.header(), requested);
        let freshness = by_streams.max(by_solutions);
        match freshness {
            Freshness::Current | Freshness::Unconfirmed { .. } => {}
            Freshness::Contested => {
                self.report_discarded(id, &work, WorkDiscarded::ParentContested);
                self.hold_work(now, id);
                return;
            }
            Freshness::Outdated => {
                self.report_discarded(id, &work, WorkDiscarded::Outdated);
                return;
            }
        }
        self.observe_height(id, chain, work.header().height());
        self.subscribe(id, chain);
        let job = Arc::new(Job {
            id: seq.job_id(),
            node: id,
            work,
            received: now,
        });
        let candidate = Candidate {
            job: &job,
            freshness,
            requested,
            refresh: self.nodes[id.0].streams.refreshed_since(chain, requested),
        };
        self.place(now, candidate);
    }

    /// Makes a candidate live if there is use for it.
    fn place(&mut self, now: Instant, candidate: Candidate<'_>) {
        let Candidate { job, requested, .. } = candidate;
        let is_useless = match self.live.place(now, &self.config, candidate) {
            Placement::Held => true,
            Placement::NotNeeded => false,
            Placement::Confirmed { job, refresh } => {
                self.report_job(&job, JobEvent::Confirmed);
                self.report_refresh(&job, refresh);
                self.live.has_room(self.config.work_slots)
            }
            Placement::Added { replaced } => {
                if let Some(old) = &replaced {
                    self.report_refresh(&old.job, old.refresh);
                    self.retired(&old.job, old.reason);
                }
                self.job_added(job, requested);
                replaced.is_some() && self.live.has_room(self.config.work_slots)
            }
        };
        if is_useless {
            // Perhaps no other chain can be mined: the node is not asked again and again.
            self.hold_work(now, job.node);
        }
    }

    fn job_added(&mut self, job: &Job, requested: Seq) {
        let node = &self.nodes[job.node.0];
        let watched = node.streams.is_watched_since(job.chain(), requested);
        self.counters.jobs += 1;
        self.counters.unwatched_jobs += u64::from(!watched);
        let difficulty = job.work.target().difficulty();
        let event = JobEvent::Received {
            difficulty,
            watched,
        };
        self.report_job(job, event);
    }

    /// Pauses requests for work: the node issues what is of no use now.
    fn hold_work(&mut self, now: Instant, id: NodeId) {
        let until = now + self.config.timing.held_chain_pause;
        self.nodes[id.0].work.hold(until);
    }

    fn report_refresh(&mut self, job: &Job, outcome: Option<RefreshOutcome>) {
        if let Some(outcome) = outcome {
            self.report_job(job, JobEvent::Refreshed(outcome));
        }
    }

    fn report_discarded(&mut self, node: NodeId, work: &Work, reason: WorkDiscarded) {
        self.report(Event::WorkDiscarded {
            node,
            chain: work.chain(),
            height: work.header().height(),
            reason,
        });
    }
}
