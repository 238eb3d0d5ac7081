//! Answers with cuts and branches: which jobs they outdate, and where blocks of ours are.

use std::collections::BTreeMap;
use std::sync::Arc;

use chainweb::{BlockHash, ChainId, WorkHeader};
use node::{Ancestor, Cut, Error, Refusal};

use super::action::{Action, Request};
use super::event::{Purpose, Seq};
use super::freshness::{Freshness, contradicts};
use super::heights::HeightsOfWork;
use super::node_state::Suspicion;
use super::state::Coordinator;
use super::tracker::{Below, Form};
use crate::job::{JobId, NodeId};
use crate::telemetry::Standing;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement};

impl Coordinator {
    pub(super) fn cut(&mut self, id: NodeId, requested: Seq, result: Result<Cut, Error>) {
        if self.is_stopping && result.is_err() {
            self.tracker.abandon_final_lookups(id);
        }
        if let Err(Error::Refused(Refusal::NotServed { .. })) = &result {
            self.cut_not_served(id);
            return;
        }
        let Some(cut) = self.answered(id, RequestKind::Cut, result) else {
            return;
        };
        self.cut_served(id);
        self.hold_cut(id, requested);
        if requested < self.nodes[id.0].since {
            return;
        }
        self.compare_jobs(id, requested, &cut);
        let requested_at = self.nodes[id.0].cut_requested;
        for (chain, tip) in &cut.tips {
            let next = tip.height.saturating_add(1);
            self.height_shown(id, (*chain, next), (requested, requested_at));
        }
        self.compared(id);
        self.publish();
        if let Some(at) = self.nodes[id.0].cut_requested
            && self.wants_view(id)
        {
            self.show(id, Some((at, &cut)));
        }
        self.retire_passed(id, requested, &cut);
        if !self.votes(id) {
            return;
        }
        let voters = self.voters();
        for (chain, Below { heights, form }) in self.tracker.cut(self.now, (id, &cut), &voters) {
            let (version, seq, tip) = (self.nodes[id.0].version(), self.seq, cut.tips[&chain]);
            let request = match form {
                Form::Hashes => Request::Ancestors {
                    version,
                    seq,
                    chain,
                    tip,
                    heights,
                    purpose: Purpose::Lookup,
                },
                Form::Headers => Request::Headers {
                    version,
                    seq,
                    chain,
                    tip,
                    heights,
                },
            };
            self.actions.push(Action::Request { node: id, request });
        }
    }

    /// The node does not serve `/cut`. The first time, it may serve another network. Otherwise,
    /// heights come from work from now on, and whether blocks are accepted is not known.
    fn cut_not_served(&mut self, id: NodeId) {
        let timing = self.config.timing;
        let request = RequestKind::Cut;
        self.nodes[id.0].lives(self.now, &timing, request);
        if let Some(after) = self.nodes[id.0].cut.succeed(self.now) {
            self.report_node(id, NodeEvent::RequestRecovered { request, after });
        }
        let node = &mut self.nodes[id.0];
        if node.peer.standing == Standing::OtherNetwork {
            // It may serve that of the others by now, and nothing else is requested.
            node.suspect(Suspicion::OtherNetwork);
        }
        if node.cut_missing.is_none() {
            node.cut_missing = Some(self.now);
            node.cut.hold(self.now + timing.retry_min);
            node.suspect(Suspicion::OtherNetwork);
            return;
        }
        node.cut.hold(self.now + timing.misconfigured_retry);
        if node.heights_of_work.is_none() {
            node.heights_of_work = Some(HeightsOfWork::default());
            // It would fall behind the others for ever.
            node.peer.cut = None;
            self.report_node(id, NodeEvent::CutNotServed);
            self.show_heights_of_work(id);
            let jobs: Vec<_> = self.live.of(id).map(|live| Arc::clone(&live.job)).collect();
            for job in jobs {
                let next = (job.chain(), job.work.header().height());
                self.read_height(id, Some(job.received), next);
            }
        }
    }

    fn cut_served(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        let since = node.cut_missing.take();
        if let (Some(since), Some(_)) = (since, node.heights_of_work.take()) {
            let after = self.now.saturating_duration_since(since);
            let request = RequestKind::Cut;
            self.report_node(id, NodeEvent::RequestRecovered { request, after });
        }
    }

    /// Pauses requests for the cut, unless the worker waits for a newer one.
    fn hold_cut(&mut self, id: NodeId, requested: Seq) {
        let timing = &self.config.timing;
        let is_shown = self.wants_view(id);
        let node = &mut self.nodes[id.0];
        if is_shown && node.cut_changed > requested {
            node.cut.space(self.now + timing.shown_interval);
            return;
        }
        let pause = match (self.is_stopping, is_shown) {
            (true, _) => timing.retry_min,
            (false, true) => timing.unwanted_pause,
            (false, false) => timing.cut_check,
        };
        node.cut.hold(self.now + pause);
    }

    /// Compares unconfirmed jobs with the cut. Retires those in conflict with it; the others are
    /// current if their chain is watched.
    fn compare_jobs(&mut self, id: NodeId, requested: Seq, cut: &Cut) {
        let outdated = self.retire(Retirement::NotInCut, |live| {
            live.job.node == id
                && (live.is_unconfirmed() || !is_behind(cut, live.job.work.header()))
                && Seq::of(&live.job) < requested
                && contradicts(cut, live.job.work.header())
        });
        self.nodes[id.0].counts.first_events += outdated.len() as u64;
        let streams = &mut self.nodes[id.0].streams;
        for job in outdated {
            let chain = job.chain();
            streams.tip_changed(chain, requested);
            self.submissions.tip_changed(id, chain);
        }
        for live in self.live.of(id) {
            if let Freshness::Unconfirmed { since } = live.freshness
                && since < requested
                && streams.is_watched_since(live.job.chain(), requested)
            {
                live.freshness = Freshness::Current;
            }
        }
    }

    /// Headers of a branch show which of its blocks are ours, also where only nodes know the hash.
    pub(super) fn headers(
        &mut self,
        id: NodeId,
        requested: Seq,
        tip: (ChainId, u64),
        result: Result<BTreeMap<u64, Ancestor>, Error>,
    ) {
        let is_of_network = requested >= self.nodes[id.0].since;
        if let Ok(headers) = &result
            && is_of_network
        {
            self.tracker.identify(tip.0, headers);
        }
        let hash = |(height, block): (u64, Ancestor)| (height, block.hash);
        let hashes = result.map(|headers| headers.into_iter().map(hash).collect());
        self.branch(id, requested, tip, (Form::Headers, hashes));
    }

    /// The blocks at the height of one of ours show whether a node ever had that.
    pub(super) fn siblings(
        &mut self,
        id: NodeId,
        job: JobId,
        result: Result<Vec<Ancestor>, Error>,
    ) {
        if let Err(error) = &result {
            self.nodes[id.0].suspect_after(error);
        }
        let voters = self.voters();
        self.tracker.inquired(job, result.ok(), &voters);
    }

    /// Requests what shows why blocks are orphaned.
    pub(super) fn inquire(&mut self) {
        for (id, block) in self.tracker.take_inquiries() {
            let request = Request::Siblings {
                version: self.nodes[id.0].version(),
                job: block.job,
                chain: block.chain,
                height: block.height,
            };
            self.actions.push(Action::Request { node: id, request });
        }
    }

    /// Blocks of a branch show where ours are.
    pub(super) fn branch(
        &mut self,
        id: NodeId,
        requested: Seq,
        (chain, tip_height): (ChainId, u64),
        (form, result): (Form, Result<BTreeMap<u64, BlockHash>, Error>),
    ) {
        let hashes = if requested < self.nodes[id.0].since {
            // The blocks are looked up at another node.
            BTreeMap::new()
        } else {
            result.unwrap_or_else(|error| {
                let error = error.to_string();
                self.report_node(id, NodeEvent::LookupFailed { chain, error });
                BTreeMap::new()
            })
        };
        let (tip, voters) = ((chain, tip_height), self.voters());
        let branch = (form, &hashes);
        self.tracker.branch(self.now, id, tip, branch, &voters);
    }
}

/// Whether a cut is lower than the parent of a header, as that of a node behind the others.
fn is_behind(cut: &Cut, header: &WorkHeader) -> bool {
    let tip = cut.tip(header.chain());
    tip.is_some_and(|tip| tip.height.saturating_add(1) < header.height())
}
