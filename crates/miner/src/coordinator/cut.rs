//! Answers with cuts and branches: which jobs they outdate, and where blocks of ours are.

use std::collections::BTreeMap;
use std::time::Instant;

use chainweb::{BlockHash, ChainId};
use node::{Cut, Error};

use super::action::{Action, Request};
use super::seq::Seq;
use super::state::Coordinator;
use super::tracker::Branch;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement};

impl Coordinator {
    pub(super) fn cut(
        &mut self,
        now: Instant,
        id: NodeId,
        requested: Seq,
        result: Result<Cut, Error>,
    ) {
        let Some(cut) = self.answered(now, id, RequestKind::Cut, result) else {
            if self.is_stopping {
                self.tracker.abandon_final_lookups(id);
            }
            return;
        };
        self.hold_cut(now, id, requested);
        let node = &self.nodes[id.0];
        if requested < node.since {
            return;
        }
        let requested_at = node.cut_requested;
        self.compare_jobs(id, requested, &cut);
        for (chain, tip) in &cut.tips {
            self.observe_height(id, *chain, tip.height.saturating_add(1));
        }
        self.publish();
        let seq = self.newest_seq.advance();
        if let Some(at) = requested_at {
            self.show_cut(id, at, &cut);
        }
        self.look_up_blocks(now, id, seq, &cut);
    }

    /// Pauses requests for the cut, unless the worker waits for a newer one.
    fn hold_cut(&mut self, now: Instant, id: NodeId, requested: Seq) {
        let timing = self.config.timing;
        let is_shown = self.wants_view(id);
        let node = &mut self.nodes[id.0];
        if is_shown && node.cut_changed_since(requested) {
            return;
        }
        let pause = if self.is_stopping {
            timing.retry_min
        } else if is_shown {
            timing.unwanted_pause
        } else {
            timing.cut_check
        };
        node.cut.hold(now + pause);
    }

    fn compare_jobs(&mut self, id: NodeId, requested: Seq, cut: &Cut) {
        let streams = &self.nodes[id.0].streams;
        let is_watched = |chain| streams.is_watched_since(chain, requested);
        for job in self.live.compare(id, requested, cut, is_watched) {
            let chain = job.chain();
            self.nodes[id.0].streams.tip_changed(chain, requested);
            self.submissions.tip_changed(id, chain);
            self.retired(&job, Retirement::NotInCut);
        }
    }

    fn look_up_blocks(&mut self, now: Instant, id: NodeId, seq: Seq, cut: &Cut) {
        let Some(identity) = &self.nodes[id.0].identity else {
            return;
        };
        for lookup in self.tracker.cut(now, &self.config.timing, id, cut) {
            let request = Request::Ancestors {
                version: identity.version.clone(),
                seq,
                chain: lookup.chain,
                tip: lookup.tip,
                heights: lookup.heights,
            };
            self.actions.push(Action::Request { node: id, request });
        }
    }

    pub(super) fn ancestors(
        &mut self,
        now: Instant,
        id: NodeId,
        requested: Seq,
        (chain, tip_height): (ChainId, u64),
        result: Result<BTreeMap<u64, BlockHash>, Error>,
    ) {
        let timing = &self.config.timing;
        let node = &mut self.nodes[id.0];
        if let Err(error) = &result {
            node.suspect_after(error);
        }
        if requested < node.since {
            return;
        }
        match result {
            Ok(hashes) => {
                let branch = Branch {
                    node: id,
                    chain,
                    tip_height,
                    hashes: &hashes,
                };
                self.tracker.branch(now, timing, &branch);
            }
            Err(error) => {
                self.tracker.lookup_failed(now, timing, id, chain);
                let error = error.to_string();
                self.report_node(id, NodeEvent::LookupFailed { chain, error });
            }
        }
    }
}
