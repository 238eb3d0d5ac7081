//! The demand of the worker, and the state of the network as sent to the worker.
//!
//! Only wanted work becomes a job. A node chooses the chain by itself and may ignore the one in a
//! request. So requests name the wanted chains in turn, and work of no use is dropped and requested
//! again, after a while only after a pause or an update. While the worker wants certain chains, the
//! cut is fetched whenever it may have changed. If the node does not serve it, the headers of work
//! and accepted submissions show how high the chains are.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainGraph, ChainId};
use node::{Cut, Info};

use super::action::Action;
use super::heights::HeightsOfWork;
use super::state::Coordinator;
use crate::demand::{Demand, Heights, Source, View};
use crate::job::NodeId;
use crate::telemetry::event::Retirement;

/// How often work of no use is requested again at once if any chain will do. If eight chains can be
/// mined and one of them has a job, five draws in a row are of that one once in 32,768 times.
const DRAWS: usize = 4;
/// The same for each chain of the node if only certain chains will do. If all chains can be mined,
/// so many draws miss a certain one once in three thousand times.
const DRAWS_PER_CHAIN: usize = 8;

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
        let Demand::Chains { named, .. } = &self.demand else {
            return None;
        };
        let after = self.hinted.map_or(Bound::Unbounded, Bound::Excluded);
        let mut in_turn = named.range((after, Bound::Unbounded)).chain(named);
        in_turn.find(|chain| !self.live.holds(**chain)).copied()
    }

    /// Whether the worker gets the cuts of a node.
    pub(super) fn wants_view(&self, id: NodeId) -> bool {
        matches!(self.demand, Demand::Chains { .. }) && self.preferred() == Some(id)
    }

    /// The node serves another network or other chains: sends the worker a view without heights.
    pub(super) fn show_network(&mut self, id: NodeId) {
        if self.demand != Demand::Any && self.preferred() == Some(id) {
            self.nodes[id.0].cut_changed(self.seq);
            self.show(id, None);
        }
    }

    /// The node issued work that is of no use: requests other work at once. If too much work in a
    /// row is of no use, perhaps no other chain can be mined, and the next request has to wait.
    pub(super) fn draw_again(&mut self, id: NodeId) {
        let (node, timing) = (&mut self.nodes[id.0], &self.config.timing);
        let chains = node.info.as_ref().map_or(0, |info| info.chains.len());
        let (draws, pause) = match self.demand {
            Demand::Chains { .. } => (DRAWS_PER_CHAIN * chains, timing.unwanted_pause),
            Demand::Any | Demand::Nothing => (DRAWS, timing.held_chain_pause),
        };
        node.useless_work += 1;
        if node.useless_work > draws {
            node.work.hold(self.now + pause);
        }
    }

    /// The next block of a chain has this height, by work requested at the time.
    pub(super) fn read_height(
        &mut self,
        id: NodeId,
        requested: Option<Instant>,
        next: (ChainId, u64),
    ) {
        let (now, settling) = (self.now, self.config.timing.first_block_lookup);
        let node = &mut self.nodes[id.0];
        let (Some(known), Some(info)) = (&mut node.heights_of_work, &node.info) else {
            return;
        };
        let (chain, height) = (next.0, next.1.saturating_sub(1));
        if known.read(now, settling, chain, height, requested) {
            let adjacents = info.graph.iter().flat_map(|graph| graph.adjacents(chain));
            for adjacent in adjacents {
                known.at_least(*adjacent, height);
            }
            self.show_heights_of_work(id);
        }
    }

    /// Sends the worker the heights that work and submissions show, if the node lacks a cut.
    pub(super) fn show_heights_of_work(&mut self, id: NodeId) {
        let known = self.nodes[id.0].heights_of_work.as_ref();
        if let Some(heights) = known.map(HeightsOfWork::heights)
            && self.wants_view(id)
        {
            self.show_view(id, Some(heights), None);
        }
    }

    /// Sends the worker the network of a node, and the heights in a cut requested at the time.
    pub(super) fn show(&mut self, id: NodeId, cut: Option<(Instant, &Cut)>) {
        let heights = cut.map(|(requested, cut)| {
            let of = cut.tips.iter().map(|(chain, tip)| (*chain, tip.height));
            Heights {
                source: Source::Cut(requested),
                of: of.collect(),
            }
        });
        self.show_view(id, heights, cut.map(|(_, cut)| cut));
    }

    fn show_view(&mut self, id: NodeId, heights: Option<Heights>, cut: Option<&Cut>) {
        if let Some(info) = &self.nodes[id.0].info
            && let Some(graph) = graph(info, cut)
        {
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
