//! The choice between several nodes, as data: which one serves, and what the choice depends on.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use chainweb::BlockHash;
use node::{Info, Progress};

use super::event::Seq;
use crate::job::NodeId;
use crate::timing::Timing;

/// The highest number of steps of progress kept: more than the blocks of a network in the time
/// after which a node counts as behind.
const STEPS: usize = 256;
/// The number of changes of node within a time from which a change back has to wait.
const MANY_CHANGES: usize = 3;

/// The choice between nodes.
#[derive(Debug)]
pub(super) struct Upstreams {
    /// The node that issues work for free slots.
    pub(super) serving: NodeId,
    /// The last changes of this node, oldest first.
    changes: VecDeque<Instant>,
    /// What the nodes of the network say of it.
    pub(super) network: Option<Info>,
    /// How far the cuts of the nodes were, and since when, oldest first.
    steps: VecDeque<(Instant, Progress)>,
    pub(super) comparison: Comparison,
}

/// A comparison of the nodes' blocks that is under way, or the last one.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// When it began; `None` before the first.
    pub(super) begun: Option<Instant>,
    /// Distinguishes this one from earlier ones.
    pub(super) seq: Seq,
    /// The number of the chain from which on the next one chooses its own.
    pub(super) from: u32,
    /// The nodes without an answer.
    pub(super) asked: Vec<NodeId>,
    pub(super) hashes: BTreeMap<NodeId, BlockHash>,
}

impl Default for Upstreams {
    fn default() -> Self {
        Self {
            serving: NodeId(0),
            changes: VecDeque::new(),
            network: None,
            steps: VecDeque::new(),
            comparison: Comparison::default(),
        }
    }
}

impl Upstreams {
    /// Another node serves from now on.
    pub(super) fn change(&mut self, now: Instant, node: NodeId) {
        self.serving = node;
        self.changes.push_back(now);
        if self.changes.len() > MANY_CHANGES + 1 {
            self.changes.pop_front();
        }
    }

    /// Whether changes of node have not been many lately.
    pub(super) fn may_return(&self, now: Instant, timing: &Timing) -> bool {
        let (Some(first), Some(last)) = (self.changes.front(), self.changes.back()) else {
            return true;
        };
        let time = last.saturating_duration_since(*first);
        let are_many = self.changes.len() > MANY_CHANGES && time < timing.many_changes_within;
        !are_many || *last + timing.stay <= now
    }

    /// Whether a node that says this is of the network of the others.
    pub(super) fn is_of_network(&self, info: &Info) -> bool {
        let network = self.network.as_ref();
        network.is_none_or(|network| are_same(network, info))
    }

    /// The network of the nodes is this one from now on. Returns whether there was another.
    pub(super) fn enter(&mut self, network: Option<Info>) -> bool {
        self.steps.clear();
        std::mem::replace(&mut self.network, network).is_some()
    }

    /// The nodes are as far as this.
    pub(super) fn advance(&mut self, now: Instant, best: Progress) {
        let steps = &mut self.steps;
        // The network was reset, or the node that was the first to be so far is lost.
        while let Some((_, last)) = steps.back()
            && last.is_ahead_of(&best)
        {
            steps.pop_back();
        }
        if steps.back().is_none_or(|(_, last)| best.is_ahead_of(last)) {
            if steps.len() == STEPS {
                steps.pop_front();
            }
            steps.push_back((now, best));
        }
    }

    /// Returns since when any node has been further than this.
    pub(super) fn ahead_since(&self, own: Progress) -> Option<Instant> {
        let mut steps = self.steps.iter();
        let (since, _) = steps.find(|(_, progress)| progress.is_ahead_of(&own))?;
        Some(*since)
    }
}

/// Whether two nodes serve the same network.
fn are_same(a: &Info, b: &Info) -> bool {
    let are_equal = match (&a.graph, &b.graph) {
        (Some(a), Some(b)) => a == b,
        _ => a.chains.is_empty() || b.chains.is_empty() || a.chains == b.chains,
    };
    a.version == b.version && are_equal
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn after_four_changes_within_five_minutes_a_node_stays_for_ten() {
        let (mut upstreams, timing, start) =
            (Upstreams::default(), Timing::default(), Instant::now());
        let at = |minutes| start + Duration::from_mins(minutes);
        for minute in 0..4 {
            assert!(upstreams.may_return(at(minute), &timing));
            upstreams.change(at(minute), NodeId(0));
        }
        assert!(!upstreams.may_return(at(12), &timing));
        assert!(upstreams.may_return(at(13), &timing));
        // The last four took longer.
        upstreams.change(at(20), NodeId(1));
        assert!(upstreams.may_return(at(20), &timing));
    }
}
