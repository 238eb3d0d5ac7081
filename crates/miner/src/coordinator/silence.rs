//! Update streams that are open and report nothing.
//!
//! The chain of a silent stream is unwatched, and the stream is opened again, more and more rarely,
//! until it reports an event. If no stream of the node has reported anything for longer than is
//! plausible, all of them are silent.

use std::time::Instant;

use chainweb::ChainId;

use super::event::Seq;
use super::proof::Shown;
use super::state::Coordinator;
use crate::job::NodeId;
use crate::telemetry::event::NodeEvent;

impl Coordinator {
    /// An answer to the request of `requested` showed the height of a chain.
    pub(super) fn height_shown(
        &mut self,
        id: NodeId,
        chain: ChainId,
        (requested, requested_at): (Seq, Option<Instant>),
        height: u64,
    ) {
        let (now, timing) = (self.now, &self.config.timing);
        let node = &mut self.nodes[id.0];
        let are_all_silent = node.is_silent(now, timing);
        let shown = Shown {
            requested,
            requested_at: requested_at.unwrap_or(now),
            height,
        };
        node.streams.show(chain, now, timing, are_all_silent, shown);
    }

    /// A cut was compared: if it did not move in spite of the silence, the next one can wait
    /// longer.
    pub(super) fn compared(&mut self, id: NodeId) {
        let (now, timing) = (self.now, &self.config.timing);
        let node = &mut self.nodes[id.0];
        let patience = node.patience(timing);
        let last = node.last_update.max(node.compared.replace(now));
        let is_long = last.is_some_and(|at| at + patience <= now);
        if is_long && node.streams.missed().is_none() {
            node.patience = Some((2 * patience).min(timing.silence_max.max(patience)));
        }
    }

    /// Acts if the event of a change that an answer showed is still missing.
    pub(super) fn judge_missed(&mut self, id: NodeId) {
        let (now, seq, timing) = (self.now, self.seq, self.config.timing);
        let node = &mut self.nodes[id.0];
        if node.streams.missed().is_none_or(|until| now < until) {
            return;
        }
        let are_all_silent = node.is_silent(now, &timing);
        let silent = node.streams.silence(now, &timing, are_all_silent);
        let last = silent.iter().filter_map(|(_, at)| *at).min();
        let is_known = node.silent_since.is_some();
        let since = *node.silent_since.get_or_insert(last.unwrap_or(now));
        let chains: Vec<_> = silent.into_iter().map(|(chain, _)| chain).collect();
        if !is_known {
            let event = NodeEvent::UpdatesSilent {
                silence: now.saturating_duration_since(since),
                chains: chains.clone(),
            };
            self.report_node(id, event);
        }
        for live in self.live.of(id) {
            if chains.contains(&live.job.chain()) {
                live.suspect(seq);
            }
        }
        if are_all_silent {
            self.reopen_all(id);
        } else {
            for chain in chains {
                self.open_stream(id, chain);
            }
        }
    }
}
