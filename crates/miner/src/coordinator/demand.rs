//! What the worker wants, and the network that it is shown.
//!
//! Only work that is wanted becomes a job. Which chain a node gives is its own choice, the hint that goes with the
//! request counts for little: so the wanted chains are named in turn, and work on another is dropped and asked for again
//! after a pause or an update. While chains are wanted the node's cut is looked at whenever something can have changed
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainGraph, ChainId};
use node::Cut;
use tracing::debug;

use super::{Action, Coordinator, Identity, Ticket};
use crate::demand::{Demand, Heights, View};
use crate::job::NodeId;

impl Coordinator {
    /// The worker wants something else from now on.
    pub(super) fn demand(&mut self, demand: Demand) {
        let ticket = self.ticket();
        (self.demand, self.demanded) = (demand, ticket);
        for job in self.live.retire_unless(|chain| self.demand.admits(chain)) {
            debug!(job = %job.id, chain = %job.chain(), "job dropped: no more is wanted of its chain");
        }
        for node in &mut self.nodes {
            node.work.resume();
            node.stirred(ticket);
        }
    }

    /// Whether free slots are to be filled.
    pub(super) fn has_use_for_work(&self) -> bool {
        self.live.has_room(self.config.work_slots)
            && match &self.demand {
                Demand::Any => true,
                Demand::Nothing => false,
                Demand::Chains(chains) => chains.iter().any(|chain| !self.live.holds(*chain)),
            }
    }

    /// The wanted chain to name in a request: the next one in turn without a job.
    pub(super) fn next_hint(&self) -> Option<ChainId> {
        let Demand::Chains(chains) = &self.demand else {
            return None;
        };
        let after = self.hinted.map_or(Bound::Unbounded, Bound::Excluded);
        let mut in_turn = chains.range((after, Bound::Unbounded)).chain(chains);
        in_turn.find(|chain| !self.live.holds(**chain)).copied()
    }

    /// The node gave work on a chain on which no block is wanted, asked for at that moment.
    pub(super) fn turn_down(&mut self, now: Instant, id: NodeId, asked: Ticket, chain: ChainId) {
        debug!(%chain, "work on a chain on which no block is wanted");
        // Since something else is wanted, the node was not asked for that.
        if asked > self.demanded {
            let until = now + self.config.timing.unwanted_pause;
            self.nodes[id.0].work.pause(until);
        }
    }

    /// Whether the worker is to see the cut of a node.
    pub(super) fn wants_view(&self, id: NodeId) -> bool {
        matches!(self.demand, Demand::Chains(_)) && self.first_well() == Some(id)
    }

    /// The node serves another network than before.
    pub(super) fn show_network(&mut self, id: NodeId, ticket: Ticket) {
        if self.demand == Demand::Any || self.first_well() != Some(id) {
            return;
        }
        self.nodes[id.0].stirred(ticket);
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

    /// The cut of a node has come that was asked for then.
    pub(super) fn show_cut(&mut self, id: NodeId, asked: Instant, cut: &Cut) {
        if let Some(identity) = &self.nodes[id.0].identity
            && self.wants_view(id)
            && let Some(graph) = graph(identity, Some(cut))
        {
            let of = cut.tips.iter().map(|(chain, tip)| (*chain, tip.height));
            let of = of.collect();
            self.show(View {
                version: identity.version.clone(),
                graph,
                heights: Some(Heights { asked, of }),
            });
        }
    }

    fn show(&mut self, view: View) {
        self.actions.push(Action::Show(Arc::new(view)));
    }
}

/// How the chains are braided, or the closest that can be if the node does not say; `None` if it does not even say which
/// there are.
fn graph(identity: &Identity, cut: Option<&Cut>) -> Option<ChainGraph> {
    let all = || {
        let told = identity.chains.iter();
        let chains: BTreeSet<_> = told
            .chain(cut.into_iter().flat_map(|cut| cut.tips.keys()))
            .collect();
        let beside = |chain: &ChainId| {
            let others = chains.iter().filter(|other| **other != chain);
            others.map(|other| **other).collect::<Vec<_>>()
        };
        let adjacency: BTreeMap<_, _> = chains
            .iter()
            .map(|chain| (**chain, beside(chain)))
            .collect();
        ChainGraph::from_adjacency(adjacency).ok()
    };
    identity.graph.clone().or_else(all)
}
