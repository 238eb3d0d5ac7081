//! The demand of the worker, and the state of the network as sent to the worker.
//!
//! Only wanted work becomes a job. A node chooses the chain by itself and may ignore the one in a
//! request. So requests name the wanted chains in turn, and work on another chain is dropped and
//! requested again after a pause or an update. While the worker wants certain chains, the cut is
//! fetched whenever it may have changed.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainGraph, ChainId};
use node::{Cut, Info};

use super::action::Action;
use super::state::Coordinator;
use crate::demand::{Demand, Heights, View};
use crate::job::NodeId;
use crate::telemetry::event::Retirement;

impl Coordinator {
    /// The worker changed its demand.
    pub(super) fn demand(&mut self, demand: Demand) {
        self.retire(Retirement::Unwanted, |live| {
            !demand.admits(live.job.chain())
        });
        (self.demand, self.demanded) = (demand, self.seq);
        for node in &mut self.nodes {
            node.work.release();
            node.cut_changed(self.seq);
        }
    }

    /// Whether a slot is free for a wanted job.
    pub(super) fn needs_jobs(&self) -> bool {
        self.has_room() && (self.demand == Demand::Any || self.next_hint().is_some())
    }

    /// Returns the chain for the next request: the next wanted one in turn without a job.
    pub(super) fn next_hint(&self) -> Option<ChainId> {
        let Demand::Chains(chains) = &self.demand else {
            return None;
        };
        let after = self.hinted.map_or(Bound::Unbounded, Bound::Excluded);
        let mut in_turn = chains.range((after, Bound::Unbounded)).chain(chains);
        in_turn.find(|chain| !self.live.holds(**chain)).copied()
    }

    /// Whether the worker gets the cuts of a node.
    pub(super) fn wants_view(&self, id: NodeId) -> bool {
        matches!(self.demand, Demand::Chains(_)) && self.preferred() == Some(id)
    }

    /// The node serves another network or other chains: sends the worker a view without heights.
    pub(super) fn show_network(&mut self, id: NodeId) {
        if self.demand != Demand::Any && self.preferred() == Some(id) {
            self.nodes[id.0].cut_changed(self.seq);
            self.show(id, None);
        }
    }

    /// Sends the worker the network of a node, and the heights in a cut requested at the time.
    pub(super) fn show(&mut self, id: NodeId, cut: Option<(Instant, &Cut)>) {
        if let Some(info) = &self.nodes[id.0].info
            && let Some(graph) = graph(info, cut.map(|(_, cut)| cut))
        {
            let heights = cut.map(|(requested, cut)| {
                let of = cut.tips.iter().map(|(chain, tip)| (*chain, tip.height));
                let of = of.collect();
                Heights { requested, of }
            });
            let version = info.version.clone();
            self.actions.push(Action::Show(Arc::new(View {
                version,
                graph,
                heights,
            })));
        }
    }
}

/// Returns the graph of the chains. If the node does not describe it, all known chains are adjacent
/// to each other; `None` if none is known.
fn graph(info: &Info, cut: Option<&Cut>) -> Option<ChainGraph> {
    if info.graph.is_some() {
        return info.graph.clone();
    }
    let in_cut = cut.into_iter().flat_map(|cut| cut.tips.keys());
    let chains: BTreeSet<_> = info.chains.iter().chain(in_cut).copied().collect();
    let adjacency = chains.iter().map(|chain| {
        let others = chains.iter().filter(|other| *other != chain);
        (*chain, others.copied().collect())
    });
    ChainGraph::from_adjacency(adjacency.collect()).ok()
}
