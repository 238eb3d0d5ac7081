//! Answers with work: whether it is current and wanted.

use std::sync::Arc;

use chainweb::Work;
use node::Error;

use super::event::Seq;
use super::freshness::Freshness;
use super::state::Coordinator;
use crate::job::{Job, JobId, NodeId};
use crate::telemetry::Event;
use crate::telemetry::event::{RequestKind, WorkDiscarded};

impl Coordinator {
    pub(super) fn work(&mut self, id: NodeId, requested: Seq, result: Result<Work, Error>) {
        let seq = self.newest_seq.advance();
        let Some(work) = self.answered(id, RequestKind::Work, result) else {
            return;
        };
        let node = &self.nodes[id.0];
        if self.is_stopping || requested < node.since || node.is_paused(self.now) {
            return;
        }
        let (chain, height) = (work.chain(), work.header().height());
        let by_streams = node.streams.freshness(work.header(), requested, seq);
        let by_solutions = self.submissions.freshness(id, work.header(), requested);
        let freshness = by_streams.max(by_solutions);
        let discarded = match freshness {
            _ if !self.demand.admits(chain) => Some(WorkDiscarded::Unwanted),
            Freshness::Current | Freshness::Unconfirmed { .. } => None,
            Freshness::Contested => Some(WorkDiscarded::ParentContested),
            Freshness::Outdated => Some(WorkDiscarded::Outdated),
        };
        if let Some(reason) = discarded {
            self.report(Event::WorkDiscarded {
                node: id,
                chain,
                height,
                reason,
            });
        }
        match discarded {
            None => {
                self.observe_height(id, chain, height);
                self.subscribe(id, chain);
                let job = Job {
                    id: JobId(seq.0),
                    node: id,
                    work,
                    received: self.now,
                };
                self.place(Arc::new(job), freshness, requested);
            }
            // Work requested under an earlier demand does not show what the node issues now.
            Some(WorkDiscarded::Unwanted) if requested > self.demanded => {
                let until = self.now + self.config.timing.unwanted_pause;
                self.nodes[id.0].work.hold(until);
            }
            Some(WorkDiscarded::ParentContested) => self.hold_work(id),
            Some(WorkDiscarded::Outdated | WorkDiscarded::Unwanted) => {}
        }
    }
}
