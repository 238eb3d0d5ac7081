//! Events of the update streams: which jobs they outdate, and what to fetch after them.

use chainweb::ChainId;
use node::{Error, Lost, NoAnswer, UpdateEvent};

use super::action::Action;
use super::event::Seq;
use super::freshness::Refresh;
use super::node_state::Suspicion;
use super::state::Coordinator;
use crate::demand::Demand;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement};

impl Coordinator {
    /// Opens the update stream of a chain without one.
    pub(super) fn subscribe(&mut self, id: NodeId, chain: ChainId) {
        if self.nodes[id.0].streams.add(chain) {
            self.open_stream(id, chain);
        }
    }

    /// Opens the update stream of a chain, in place of an earlier one.
    pub(super) fn open_stream(&mut self, id: NodeId, chain: ChainId) {
        let (subscription, node) = (self.seq, &mut self.nodes[id.0]);
        node.streams.subscribed(chain, subscription);
        self.actions.push(Action::Subscribe {
            node: id,
            version: node.version(),
            subscription,
            chain,
        });
    }

    /// Opens all streams again if one may be dead.
    ///
    /// A connection whose other end is gone stays silent for as long as TCP allows, like one
    /// without news. A new stream opens or fails. Streams closed or opened again since the restart
    /// was suspected are in no doubt, such as the only one of a network with one chain.
    ///
    /// A node that only loses answers is suspected again and again: the streams are opened once in
    /// a while, and watch nothing until then.
    pub(super) fn reopen_suspect(&mut self, id: NodeId) {
        let (now, pause) = (self.now, self.config.timing.reopen_min);
        let node = &mut self.nodes[id.0];
        node.reopen_at = None;
        if !node.streams.is_any_suspect() {
            return;
        }
        let earliest = node.reopened.map(|at| at + pause);
        if earliest.is_some_and(|at| now < at) {
            node.reopen_at = earliest;
            return;
        }
        node.reopened = Some(now);
        self.reopen_all(id);
    }

    pub(super) fn reopen_all(&mut self, id: NodeId) {
        self.actions.push(Action::Unsubscribe { node: id });
        for chain in self.nodes[id.0].streams.chains() {
            self.open_stream(id, chain);
        }
    }

    pub(super) fn update(
        &mut self,
        id: NodeId,
        subscription: Seq,
        chain: ChainId,
        update: &UpdateEvent,
    ) {
        if !self.nodes[id.0].streams.is_present(chain, subscription) {
            return;
        }
        match update {
            UpdateEvent::NewCut | UpdateEvent::RefreshedBlock => self.stream_delivered(id, chain),
            UpdateEvent::Opened => {
                self.nodes[id.0].last_update.get_or_insert(self.now);
            }
            UpdateEvent::Lost(_) => {}
        }
        match update {
            UpdateEvent::Opened => self.stream_opened(id, chain),
            UpdateEvent::NewCut => self.tip_changed(id, chain),
            UpdateEvent::RefreshedBlock => self.refreshed(id, chain),
            UpdateEvent::Lost(lost) => self.stream_lost(id, chain, lost),
        }
    }

    /// An update came: the stream works.
    fn stream_delivered(&mut self, id: NodeId, chain: ChainId) {
        let (now, seq) = (self.now, self.seq);
        let node = &mut self.nodes[id.0];
        node.updated(now, &self.config.timing);
        if let Some(stream) = node.streams.get_mut(chain)
            && stream.delivered(now, seq)
            && !node.streams.is_any_silent()
            && let Some((since, true)) = node.silent_since.take()
        {
            let after = now.saturating_duration_since(since);
            self.report_node(id, NodeEvent::UpdatesResumed { after });
        }
    }

    fn stream_opened(&mut self, id: NodeId, chain: ChainId) {
        let node = &mut self.nodes[id.0];
        node.streams.opened(self.now, chain, self.seq);
        let request = RequestKind::Updates;
        let recovered = node
            .streams
            .are_all_open()
            .then(|| node.gate(request).succeed(self.now));
        if let Some(after) = recovered.flatten() {
            self.report_node(id, NodeEvent::RequestRecovered { request, after });
        }
        let node = &mut self.nodes[id.0];
        // The node may have been restarted with another configuration.
        node.work.release();
        // Tip changes before this may have been missed.
        self.live.suspect_adjacent(id, chain, self.seq);
        let job = self.live.find(id, chain);
        if job.is_some_and(|live| live.is_unconfirmed()) {
            node.cut.release();
        }
    }

    fn tip_changed(&mut self, id: NodeId, chain: ChainId) {
        self.counters.updates_received += 1;
        let node = &mut self.nodes[id.0];
        node.streams.new_cut(self.now, chain, self.seq);
        // The pause between two requests for the cut goes on, however many tips change.
        self.live.suspect_adjacent(id, chain, self.seq);
        if node.streams.is_flooded(chain) && node.cut_missing.is_none() {
            // The cut decides, once a second.
            if let Some(live) = self.live.find(id, chain) {
                live.suspect(self.seq);
            }
            return;
        }
        let was_waiting = node.work.wakeup().is_some();
        self.node_changed(id);
        self.submissions.tip_changed(id, chain);
        let retired = self.retire(Retirement::NewCut, |live| live.is_of(id, chain));
        self.nodes[id.0].counts.first_events += retired.len() as u64;
        self.hear_of_block(id, chain);
        if was_waiting || !retired.is_empty() {
            self.nodes[id.0].chase(&self.config.timing);
        }
    }

    /// The node's blocks changed: requests for work, and for a cut on behalf of the worker, do not
    /// wait.
    pub(super) fn node_changed(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        node.work.release();
        if self.demand != Demand::Any {
            node.cut_changed(self.seq);
        }
    }

    fn refreshed(&mut self, id: NodeId, chain: ChainId) {
        self.counters.updates_received += 1;
        self.counters.refreshes.received += 1;
        let refresh = Refresh {
            at: self.now,
            seq: self.seq,
        };
        let node = &mut self.nodes[id.0];
        // On EVM nodes a refresh can be what makes work available.
        node.work.release();
        node.streams.refreshed(chain, refresh);
        // It may issue another payload from now on. It keeps those that it has issued.
        for live in &mut self.live.jobs {
            let by = self.live.insured.get(&live.job.id);
            let is_insured = by.is_some_and(|by| by.contains(&id));
            if live.job.chain() == chain && live.job.node != id && !is_insured {
                live.asked.remove(&id);
            }
        }
        if let Some(live) = self.live.find(id, chain)
            && live.refresh.is_none()
        {
            live.refresh = Some(refresh);
            live.job.outdate(refresh.at);
            let policy = self.config.preemption;
            let due = policy.due(refresh.at, live.job.received, live.issued);
            live.due = due.map_or(live.due, |due| due.min(live.due));
        }
    }

    fn stream_lost(&mut self, id: NodeId, chain: ChainId, lost: &Lost) {
        if let Lost::Failed(error) = lost {
            self.stream_refused(id, error);
        }
        if let Some(live) = self.live.find(id, chain) {
            live.suspect(self.seq);
        }
        let node = &mut self.nodes[id.0];
        // A node that is restarted closes all streams at once and is unreachable for a while.
        let was_last = node.streams.closed(chain);
        match lost {
            Lost::Failed(error @ Error::NoAnswer(NoAnswer::Connect { .. })) => {
                node.suspect_after(error);
            }
            _ if was_last => node.suspect(Suspicion::Restart),
            _ => {}
        }
    }

    /// Reports that streams cannot be opened, though the node is reached.
    fn stream_refused(&mut self, id: NodeId, error: &Error) {
        let node = &mut self.nodes[id.0];
        let is_refused = match error {
            // One chain may be without work. An open stream ends like this after silence.
            Error::NoAnswer(NoAnswer::Timeout { .. }) => !node.streams.is_any_open(),
            Error::NoAnswer(_) => false,
            Error::Refused(_) | Error::Malformed(_) => true,
        };
        let request = RequestKind::Updates;
        let (now, timing) = (self.now, &self.config.timing);
        if is_refused && node.gate(request).fail(now, timing, error).is_some() {
            self.report_failed(id, request, error, None);
        }
    }
}
