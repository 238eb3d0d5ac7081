//! Update streams that are open and report nothing.
//!
//! The chain of a silent stream is unwatched, and the stream is opened again, more and more rarely,
//! until it reports an event. If no stream of the node has reported anything for longer than is
//! plausible, all of them are silent.

use std::time::Duration;

use super::state::Coordinator;
use crate::job::{NodeId, Proof};
use crate::telemetry::Event;
use crate::telemetry::event::{BlockEvent, NodeEvent};

/// The number of orphans in a row that are not chance: less than one block in fifty is orphaned.
const MANY_ORPHANS: usize = 3;
/// The shortest time between two reports of orphans in a row, and between two of silent streams.
const REPEAT: Duration = Duration::from_mins(10);

impl Coordinator {
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
        let (since, is_reported) = node.silent_since.unwrap_or((last.unwrap_or(now), false));
        let is_due = !is_reported && node.silence_reported.is_none_or(|at| at + REPEAT <= now);
        node.silent_since = Some((since, is_reported || is_due));
        let chains: Vec<_> = silent.into_iter().map(|(chain, _)| chain).collect();
        if is_due {
            node.silence_reported = Some(now);
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

    /// Blocks of ours that are orphaned in a row are evidence that updates are late or missing: the
    /// streams have to prove themselves again.
    pub(super) fn judge_orphans(&mut self) {
        if self.config.proof == Proof::None || self.is_stopping {
            return;
        }
        let (now, timing) = (self.now, self.config.timing);
        let mut suspects = Vec::new();
        for event in self.tracker.events() {
            let Event::Block(block, event) = event else {
                continue;
            };
            let node = &mut self.nodes[block.node.0];
            match event {
                BlockEvent::Accepted => {
                    node.accepted = node.accepted.max(Some(block.job));
                    node.orphans.retain(|job| Some(*job) > node.accepted);
                }
                // A block is reported twice, the second time perhaps after later ones.
                BlockEvent::Displaced { .. } | BlockEvent::Orphaned { .. }
                    if Some(block.job) > node.accepted && !node.orphans.contains(&block.job) =>
                {
                    node.orphans.push(block.job);
                }
                _ => continue,
            }
            let is_reported = node.orphans_reported.is_some_and(|at| now < at + REPEAT);
            if node.orphans.len() >= MANY_ORPHANS && !is_reported {
                node.orphans_reported = Some(now);
                suspects.push((block.node, node.orphans.len()));
            }
            let surplus = node.orphans.len().saturating_sub(MANY_ORPHANS);
            node.orphans.drain(..surplus);
        }
        for (id, blocks) in suspects {
            self.report_node(id, NodeEvent::OrphansInARow { blocks });
            self.nodes[id.0].streams.silence(now, &timing, true);
            for live in self.live.of(id) {
                live.suspect(self.seq);
            }
            self.reopen_all(id);
        }
    }
}
