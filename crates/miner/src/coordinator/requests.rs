//! What is missing after an event, and the requests for it.
//!
//! The needs are recomputed from the state each time: no request is forgotten, none is sent twice.

use std::time::Instant;

use chainweb::ChainId;
use node::Error;

use super::action::{Action, Request};
use super::node_state::NodeState;
use super::state::Coordinator;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement};

/// The work to request from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    None,
    /// Work for a free slot, on a certain chain if the worker wants one.
    Slot(Option<ChainId>),
    /// New work for the job of a chain.
    Fetch(ChainId),
}

impl Coordinator {
    pub(super) fn request_missing(&mut self, now: Instant) {
        let timing = self.config.timing;
        for job in self.live.take_expired(now, &timing) {
            self.retired(&job, Retirement::Expired);
        }
        self.publish();
        self.submit_due(now);
        for index in 0..self.nodes.len() {
            self.request_missing_of(now, NodeId(index));
        }
    }

    /// Returns the node for free slots: the first one ready.
    pub(super) fn preferred(&self) -> Option<NodeId> {
        self.nodes.iter().position(NodeState::is_ready).map(NodeId)
    }

    /// Returns the work to request from a node. Work for free slots comes from the preferred node,
    /// new work for a job from the job's node, or from the preferred one if the other is not ready.
    fn need(&self, now: Instant, id: NodeId) -> Need {
        let is_ready = |id: NodeId| self.nodes[id.0].is_ready();
        let is_preferred = self.preferred() == Some(id);
        if self.is_stopping || !is_ready(id) || self.nodes[id.0].pow.is_paused(now) {
            return Need::None;
        }
        if is_preferred && self.needs_jobs() {
            return Need::Slot(self.next_hint());
        }
        self.live
            .due(now, |node| node == id || is_preferred && !is_ready(node))
            .map_or(Need::None, Need::Fetch)
    }

    fn needs_cut(&self, now: Instant, id: NodeId) -> bool {
        let is_shown =
            self.wants_view(id) && !self.is_stopping && !self.nodes[id.0].pow.is_paused(now);
        is_shown || self.live.is_any_unconfirmed(id) || self.tracker.is_lookup_due(now, id)
    }

    fn request_missing_of(&mut self, now: Instant, id: NodeId) {
        let need = self.need(now, id);
        let wants_cut = self.needs_cut(now, id);
        let seq = self.newest_seq.advance();
        let node = &mut self.nodes[id.0];
        node.wants_work = need != Need::None;
        node.wants_cut = wants_cut;
        // While the program stops there is no time to find out more.
        if node.suspicion.is_some() && !self.is_stopping {
            if node.info.try_start(now) {
                self.actions.push(Action::Request {
                    node: id,
                    request: Request::Identify,
                });
            }
            return;
        }
        let Some(identity) = &node.identity else {
            return;
        };
        if need != Need::None && node.work.try_start(now) {
            let chain = match need {
                Need::Fetch(chain) => {
                    self.live.count_fetch(now, chain);
                    Some(chain)
                }
                Need::Slot(hint) => hint,
                Need::None => None,
            };
            self.hinted = chain.or(self.hinted);
            let version = identity.version.clone();
            let request = Request::Work {
                version,
                seq,
                chain,
            };
            self.actions.push(Action::Request { node: id, request });
        }
        if wants_cut && node.cut.try_start(now) {
            node.cut_requested = Some(now);
            let version = identity.version.clone();
            let request = Request::Cut { version, seq };
            self.actions.push(Action::Request { node: id, request });
        }
    }

    /// Records the answer to a request. Returns its content, if the request succeeded.
    pub(super) fn answered<T>(
        &mut self,
        now: Instant,
        id: NodeId,
        request: RequestKind,
        result: Result<T, Error>,
    ) -> Option<T> {
        let node = &mut self.nodes[id.0];
        match result {
            Ok(answer) => {
                if let Some(after) = node.gate(request).succeed(now) {
                    self.report_node(id, NodeEvent::RequestRecovered { request, after });
                }
                Some(answer)
            }
            Err(error) => {
                node.suspect_after(&error);
                let timing = &self.config.timing;
                if let Some(retry_in) = node.gate(request).fail(now, timing, &error) {
                    let event = NodeEvent::RequestFailed {
                        request,
                        cause: (&error).into(),
                        error: error.to_string(),
                        retry_in,
                    };
                    self.report_node(id, event);
                }
                None
            }
        }
    }
}
