//! The demand of the worker, and the state of the network as sent to the worker.
//!
//! Only wanted work becomes a job. A node chooses the chain by itself and may ignore the one in a
//! request. So requests name the wanted chains in turn, and work on another chain is dropped and
//! requested again after a pause or an update. While the worker wants certain chains, the cut is
//! fetched whenever it may have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainGraph, ChainId};
use node::Cut;

use super::action::Action;
use super::event::Identity;
use super::seq::Seq;
use super::state::Coordinator;
use crate::demand::{Demand, Heights, View};
use crate::job::NodeId;
use crate::telemetry::event::Retirement;

impl Coordinator {
    /// The worker changed its demand.
    pub(super) fn demand(&mut self, demand: Demand) {
        let seq = self.newest_seq.advance();
        (self.demand, self.demanded) = (demand, seq);
        for job in self.live.take_unless(|chain| self.demand.admits(chain)) {
            self.retired(&job, Retirement::Unwanted);
        }
        for node in &mut self.nodes {
            node.work.release();
            node.cut_changed(seq);
        }
    }

    /// Whether a slot is free for a wanted job.
    pub(super) fn needs_jobs(&self) -> bool {
        self.live.has_room(self.config.work_slots)
            && match &self.demand {
                Demand::Any => true,
                Demand::Nothing => false,
                Demand::Chains(chains) => chains.iter().any(|chain| !self.live.holds(*chain)),
            }
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
    pub(super) fn show_network(&mut self, id: NodeId, seq: Seq) {
        if self.demand == Demand::Any || self.preferred() != Some(id) {
            return;
        }
        self.nodes[id.0].cut_changed(seq);
        if let Some(identity) = &self.nodes[id.0].identity
            && let Some(graph) = graph(identity, None)
        {
            self.show(View {
                version: identity.version.clone(),
                graph,
                heights: None,
            });
        }
    }

    /// Sends the worker a cut requested at `requested`, if the worker wants cuts.
    pub(super) fn show_cut(&mut self, id: NodeId, requested: Instant, cut: &Cut) {
        if let Some(identity) = &self.nodes[id.0].identity
            && self.wants_view(id)
            && let Some(graph) = graph(identity, Some(cut))
        {
            let of = cut.tips.iter().map(|(chain, tip)| (*chain, tip.height));
            let of = of.collect();
            self.show(View {
                version: identity.version.clone(),
                graph,
                heights: Some(Heights { requested, of }),
            });
        }
    }

    fn show(&mut self, view: View) {
        self.actions.push(Action::Show(Arc::new(view)));
    }
}

/// Returns the graph of the chains. If the node does not describe it, all known chains are adjacent
/// to each other; `None` if none is known.
fn graph(identity: &Identity, cut: Option<&Cut>) -> Option<ChainGraph> {
    if identity.graph.is_some() {
        return identity.graph.clone();
    }
    let in_cut = cut.into_iter().flat_map(|cut| cut.tips.keys());
    let chains: BTreeSet<_> = identity.chains.iter().chain(in_cut).copied().collect();
    let adjacent = |chain: ChainId| {
        let others = chains.iter().copied();
        others.filter(|other| *other != chain).collect::<Vec<_>>()
    };
    let adjacency: BTreeMap<_, _> = chains
        .iter()
        .map(|chain| (*chain, adjacent(*chain)))
        .collect();
    ChainGraph::from_adjacency(adjacency).ok()
}
