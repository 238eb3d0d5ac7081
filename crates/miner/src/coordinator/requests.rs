//! What is missing after an event, and the requests for it.
//!
//! The needs are recomputed from the state each time: no request is forgotten, none is sent twice.

use std::time::Duration;

use chainweb::ChainId;
use node::Error;

use super::action::{Action, Request};
use super::standby::SideWork;
use super::state::Coordinator;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement};

impl Coordinator {
    pub(super) fn request_missing(&mut self) {
        self.submit_due();
        self.hasten_twins();
        self.submit_later();
        let now = self.now;
        self.retire(Retirement::Expired, |live| live.expires <= now);
        self.publish();
        self.seq.0 += 1;
        for id in self.ids() {
            self.request_missing_of(id);
        }
        self.compare_nodes();
        self.inquire();
    }

    fn request_missing_of(&mut self, id: NodeId) {
        if !self.is_stopping {
            self.judge_missed(id);
            if self.nodes[id.0].reopen_at.is_some_and(|at| at <= self.now) {
                self.reopen_suspect(id);
            }
        }
        // While the program stops there is no time to find out more.
        let is_unknown = !self.nodes[id.0].is_ready() && !self.is_stopping;
        let missing = [
            (RequestKind::Info, is_unknown.then_some(Request::Identify)),
            (RequestKind::Work, self.missing_work(id)),
            (RequestKind::Cut, self.missing_cut(id)),
        ];
        for (kind, request) in missing {
            let node = &mut self.nodes[id.0];
            let starts = node.gate(kind).try_start(self.now, request.is_some());
            if let Some(request) = request.filter(|_| starts) {
                match request {
                    Request::Work { chain, .. } => {
                        self.count_fetch(chain);
                        self.hinted = chain.or(self.hinted);
                        self.nodes[id.0].work_requested = Some(self.now);
                        for live in &mut self.live.jobs {
                            if Some(live.job.chain()) == chain && live.job.node != id {
                                let (at, tries) = live.asked.entry(id).or_insert((self.now, 0));
                                (*at, *tries) = (self.now, *tries + 1);
                            }
                        }
                    }
                    Request::Cut { .. } => node.cut_requested = Some(self.now),
                    _ => {}
                }
                self.actions.push(Action::Request { node: id, request });
            }
        }
    }

    /// Returns the request for work missing from a node. Work for free slots comes from the
    /// preferred node, new work for a job from the job's node, or from the preferred one if the
    /// other is not ready. Another node gives the standby job, and a node that refused work is
    /// asked again.
    fn missing_work(&self, id: NodeId) -> Option<Request> {
        let (now, node) = (self.now, &self.nodes[id.0]);
        if self.is_stopping || !node.is_ready() || node.is_paused(now) || !self.may_give_work(id) {
            return None;
        }
        let is_preferred = self.preferred() == Some(id);
        let chain = if is_preferred && self.needs_jobs() {
            self.next_hint()
        } else if let Some(SideWork(chain)) = self.side_work(id) {
            chain
        } else if let Some(chain) = self.insurable(id) {
            Some(chain)
        } else {
            let due = self.live.jobs.iter().filter(|live| {
                let of = live.job.node;
                live.due <= now && (of == id || is_preferred && !self.nodes[of.0].is_ready())
            });
            Some(due.min_by_key(|live| live.due)?.job.chain())
        };
        Some(Request::Work {
            version: node.version(),
            seq: self.seq,
            chain,
        })
    }

    fn missing_cut(&self, id: NodeId) -> Option<Request> {
        let (now, node) = (self.now, &self.nodes[id.0]);
        let mut live = self.live.jobs.iter();
        let is_answerable = node.is_ready() || self.is_stopping && node.info.is_some();
        let is_wanted = self.wants_view(id) && !self.is_stopping && !node.is_paused(now)
            || live.any(|live| live.job.node == id && live.is_unconfirmed())
            || self.is_silence_due(id)
            || self.is_cut_due(id) && !self.is_stopping
            || self.tracker.is_lookup_due(now, id) && self.votes(id);
        (is_answerable && is_wanted).then(|| Request::Cut {
            version: node.version(),
            seq: self.seq,
            within: node.cut_limit(now, &self.config.timing),
        })
    }

    /// Whether no update came from the node of live jobs for longer than is plausible.
    fn is_silence_due(&self, id: NodeId) -> bool {
        let (node, timing) = (&self.nodes[id.0], &self.config.timing);
        let mut of_node = self.live.jobs.iter().filter(|live| live.job.node == id);
        of_node.any(|live| {
            let check = node.silence_check(timing, live.job.chain());
            check.is_some_and(|at| at <= self.now)
        })
    }

    /// Counts a request for work on a chain if its job was refreshed and is due for new work.
    fn count_fetch(&mut self, chain: Option<ChainId>) {
        let mut due = self.live.jobs.iter().filter(|live| live.due <= self.now);
        let is_refresh = due.any(|live| Some(live.job.chain()) == chain && live.refresh.is_some());
        self.counters.refreshes.fetches += u64::from(is_refresh);
    }

    /// Records the answer to a request. Returns its content, if the request succeeded.
    pub(super) fn answered<T>(
        &mut self,
        id: NodeId,
        request: RequestKind,
        result: Result<T, Error>,
    ) -> Option<T> {
        let (now, timing) = (self.now, self.config.timing);
        let is_alone = !self.has_several_nodes();
        let node = &mut self.nodes[id.0];
        let sent = node.gate(request).in_flight();
        // A node without work holds the request for it.
        let is_held = request == RequestKind::Work
            && sent.is_some_and(|sent| node.peer.has_answered_since(sent));
        match &result {
            _ if is_held || is_alone => {}
            Err(Error::NoAnswer(_)) => node.peer.not_answered(),
            // A proxy answers in place of a node that is down. Work a node may refuse itself.
            Err(error) if request != RequestKind::Work && error.is_of_server() => {
                node.peer.not_answered();
            }
            _ => node.lives(now, &timing, request),
        }
        match result {
            Ok(answer) => {
                if let Some(after) = node.gate(request).succeed(self.now) {
                    self.report_node(id, NodeEvent::RequestRecovered { request, after });
                }
                Some(answer)
            }
            Err(error) => {
                node.suspect_after(&error);
                if let Some(retry_in) = node.gate(request).fail(now, &timing, &error) {
                    self.report_failed(id, request, &error, Some(retry_in));
                }
                None
            }
        }
    }

    pub(super) fn report_failed(
        &mut self,
        id: NodeId,
        request: RequestKind,
        error: &Error,
        retry_in: Option<Duration>,
    ) {
        let event = NodeEvent::RequestFailed {
            request,
            cause: error.into(),
            error: error.to_string(),
            retry_in,
        };
        self.report_node(id, event);
    }
}
