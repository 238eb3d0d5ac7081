//! What one node shows of new blocks, and what that says about the jobs of others.

use chainweb::ChainId;
use node::{Cut, Progress};

use super::event::Seq;
use super::state::Coordinator;
use crate::job::{Job, NodeId};
use crate::telemetry::Standing;
use crate::telemetry::event::Retirement;

impl Coordinator {
    /// Returns the last cut of a node if it counts: the node is of the network and on no fork.
    pub(super) fn trusted_cut(&self, id: NodeId) -> Option<&Cut> {
        let peer = &self.nodes[id.0].peer;
        let is_serving = id == self.upstreams.serving && !peer.is_forked();
        let is_proven = peer.agrees() || peer.standing == Standing::Ready || is_serving;
        let cut = peer.cut.as_ref();
        cut.filter(|_| is_proven && peer.standing.is_comparable())
    }

    /// Whether another good node has a block at this height or a higher one, and more work than
    /// the node: work of the node at this height is outdated.
    pub(super) fn is_passed(&self, id: NodeId, (chain, height): (ChainId, u64)) -> bool {
        let own = self.nodes[id.0].peer.progress();
        let others = self.ids().filter(|other| *other != id);
        let mut cuts = others.filter_map(|other| self.trusted_cut(other));
        cuts.any(|cut| has_passed(cut, own, (chain, height)))
    }

    /// The same of the work of a job.
    pub(super) fn is_job_passed(&self, job: &Job) -> bool {
        self.is_passed(job.node, (job.chain(), job.work.header().height()))
    }

    /// A node showed its cut: jobs of other nodes that it has passed are outdated.
    pub(super) fn retire_passed(&mut self, id: NodeId, requested: Seq, cut: &Cut) {
        if !self.has_several_nodes() {
            return;
        }
        let peer = &mut self.nodes[id.0].peer;
        peer.cut_due = Some(self.now + self.config.timing.peer_check);
        (peer.cut, peer.is_cut_new) = (Some(cut.clone()), true);
        if peer.news > requested {
            // The block may have come after this cut.
            peer.cut_due = Some(self.now);
            self.nodes[id.0].cut.release();
        }
        if self.trusted_cut(id).is_none() {
            return;
        }
        let nodes = self.nodes.iter();
        let progress: Vec<_> = nodes.map(|node| node.peer.progress()).collect();
        let retired = self.retire(Retirement::NewCut, |live| {
            let place = (live.job.chain(), live.job.work.header().height());
            live.job.node != id && has_passed(cut, progress[live.job.node.0], place)
        });
        self.nodes[id.0].counts.first_events += retired.len() as u64;
    }

    /// Requests the cut of a node that reports a new block on a chain where another node's job
    /// is live.
    pub(super) fn hear_of_block(&mut self, id: NodeId, chain: ChainId) {
        let mut others = self.live.jobs.iter().filter(|live| live.job.node != id);
        if others.any(|live| live.job.chain() == chain) {
            let node = &mut self.nodes[id.0];
            (node.peer.cut_due, node.peer.news) = (Some(self.now), self.seq);
            node.cut.release();
        }
    }

    /// Whether the cut of a node is wanted for the comparison with the others.
    pub(super) fn is_cut_due(&self, id: NodeId) -> bool {
        let due = self.nodes[id.0].peer.cut_due;
        self.has_several_nodes() && due.is_none_or(|at| at <= self.now)
    }
}

/// Whether a cut has a block at a height of a chain, and more work than a node with this progress.
fn has_passed(cut: &Cut, own: Option<Progress>, (chain, height): (ChainId, u64)) -> bool {
    cut.tip(chain).is_some_and(|tip| tip.height >= height)
        && own.is_none_or(|own| cut.progress().is_ahead_of(&own))
}
