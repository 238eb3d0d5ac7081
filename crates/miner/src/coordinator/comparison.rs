//! Compares the blocks of several nodes: whether all are on one branch.
//!
//! The block of all nodes at one height of a chain is compared: the lowest tip, or the one below
//! where no node is further, since for a moment nodes may have different tips. Nodes that are
//! further are asked for it. Those in the minority are on a fork; of two equal groups the one with
//! less work.

use std::collections::BTreeMap;

use chainweb::{BlockHash, ChainId};
use node::{Cut, Error, Progress};

use super::action::{Action, Request};
use super::event::{Purpose, Seq};
use super::state::Coordinator;
use crate::job::NodeId;

impl Coordinator {
    /// Begins a comparison if one is due, and if two nodes can be compared.
    pub(super) fn compare_nodes(&mut self) {
        if !self.has_several_nodes() || self.is_stopping {
            return;
        }
        let is_comparable = |id: &NodeId| {
            let node = &self.nodes[id.0];
            node.is_ready() && node.peer.standing.is_comparable() && node.peer.cut.is_some()
        };
        let comparable: Vec<_> = self.ids().filter(is_comparable).collect();
        let timing = &self.config.timing;
        let is_doubtful = comparable
            .iter()
            .any(|id| self.nodes[id.0].peer.is_doubtful());
        let comparison = &self.upstreams.comparison;
        let is_over = comparison.asked.is_empty();
        let pause = if is_doubtful && is_over {
            timing.peer_check
        } else {
            timing.fork_check
        };
        let begun = comparison.begun;
        if comparable.len() < 2 || begun.is_some_and(|at| self.now < at + pause) {
            return;
        }
        // Answers that are still missing are not waited for.
        self.judge_blocks();
        let cuts = comparable
            .iter()
            .filter_map(|id| self.nodes[id.0].peer.cut.as_ref());
        let comparison = &mut self.upstreams.comparison;
        let cuts: Vec<_> = cuts.collect();
        let Some((chain, height)) = place(&cuts, ChainId::new(comparison.from)) else {
            return;
        };
        let seq = self.seq;
        comparison.begun = Some(self.now);
        comparison.seq = seq;
        comparison.from = chain.get().wrapping_add(1);
        comparison.asked.clear();
        comparison.hashes.clear();
        for node in comparable {
            let of = &self.nodes[node.0];
            let tip = of.peer.cut.as_ref().and_then(|cut| cut.tip(chain));
            let Some(tip) = tip else {
                continue;
            };
            if tip.height == height {
                comparison.hashes.insert(node, tip.hash);
                continue;
            }
            comparison.asked.push(node);
            let request = Request::Ancestors {
                version: of.version(),
                seq,
                chain,
                tip,
                heights: height..=height,
                purpose: Purpose::Comparison,
            };
            self.actions.push(Action::Request { node, request });
        }
        if comparison.asked.is_empty() {
            self.judge_blocks();
        }
    }

    /// A node answered which block it has.
    pub(super) fn compared_block(
        &mut self,
        id: NodeId,
        requested: Seq,
        result: Result<BTreeMap<u64, BlockHash>, Error>,
    ) {
        let comparison = &mut self.upstreams.comparison;
        if comparison.seq != requested {
            return;
        }
        comparison.asked.retain(|asked| *asked != id);
        match result {
            Ok(blocks) if requested > self.nodes[id.0].since => {
                let hash = blocks.into_values().next();
                comparison.hashes.extend(hash.map(|hash| (id, hash)));
            }
            // A node that cannot be asked for its blocks is believed.
            Err(Error::Refused(node::Refusal::NotServed { .. })) => {
                self.nodes[id.0].peer.compared(true);
            }
            _ => {}
        }
        if self.upstreams.comparison.asked.is_empty() {
            self.judge_blocks();
        }
    }

    fn judge_blocks(&mut self) {
        let hashes = std::mem::take(&mut self.upstreams.comparison.hashes);
        if hashes.len() < 2 {
            return;
        }
        let progress = |id: &NodeId| self.nodes[id.0].peer.progress();
        let best = winner(hashes.iter().map(|(id, hash)| (*hash, progress(id))));
        let comparison = &mut self.upstreams.comparison;
        if hashes.values().any(|hash| Some(*hash) != best) {
            // The next one is of the same chain.
            comparison.from = comparison.from.wrapping_sub(1);
        }
        for (id, hash) in hashes {
            self.nodes[id.0].peer.compared(Some(hash) == best);
        }
    }
}

/// Returns the block to compare: on the next chain with different tips, if there is one.
fn place(cuts: &[&Cut], from: ChainId) -> Option<(ChainId, u64)> {
    let first = cuts.first()?;
    let tips = |chain| cuts.iter().map(move |cut| cut.tip(chain));
    let next = first.tips.range(from..).chain(first.tips.range(..from));
    let common = next.filter(|(chain, _)| tips(**chain).all(|tip| tip.is_some()));
    let are_equal = |chain, own| tips(chain).all(|tip| tip == Some(own));
    let (chain, own) = common.min_by_key(|(chain, own)| are_equal(**chain, **own))?;
    if are_equal(*chain, *own) {
        return Some((*chain, own.height));
    }
    let heights = tips(*chain).flatten().map(|tip| tip.height);
    let below_highest = heights.clone().max()?.saturating_sub(1);
    Some((*chain, heights.min()?.min(below_highest)))
}

/// Returns the block of most nodes; at a tie that of the node with the most work.
fn winner(blocks: impl Iterator<Item = (BlockHash, Option<Progress>)>) -> Option<BlockHash> {
    let mut groups: BTreeMap<BlockHash, (usize, Option<Progress>)> = BTreeMap::new();
    for (hash, progress) in blocks {
        let (count, best) = groups.entry(hash).or_default();
        *count += 1;
        if is_ahead(progress, *best) {
            *best = progress;
        }
    }
    let groups = groups.into_iter();
    let best = groups.reduce(|a, b| {
        let ((_, (count_a, best_a)), (_, (count_b, best_b))) = (a, b);
        let is_better = count_b > count_a || count_b == count_a && is_ahead(best_b, best_a);
        if is_better { b } else { a }
    });
    best.map(|(hash, _)| hash)
}

fn is_ahead(a: Option<Progress>, b: Option<Progress>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is_ahead_of(&b),
        (a, b) => a.is_some() && b.is_none(),
    }
}
