//! The standby job: a job of another node than those of the worker's jobs, which takes over without
//! a request when their node fails.

use chainweb::ChainId;

use super::state::Coordinator;
use crate::demand::Demand;
use crate::job::NodeId;

/// Work that is not for a free slot, preferably on a chain.
pub(super) struct SideWork(pub(super) Option<ChainId>);

impl Coordinator {
    /// Returns the work that is wanted of a node but not for a free slot: for the standby job, or
    /// to find out whether the node issues work again.
    pub(super) fn side_work(&self, id: NodeId) -> Option<SideWork> {
        if !self.has_several_nodes() {
            return None;
        }
        let is_refused = self.nodes[id.0].work.error().is_some();
        match self.demand {
            Demand::Any => {
                let free = self.free_chain(id);
                let is_better = free.is_some_and(|chain| self.is_better_standby(id, chain));
                let is_missing = self.live.standby().is_none() && self.is_standby(id);
                (is_refused || is_missing || is_better).then_some(SideWork(free))
            }
            Demand::Nothing => None,
            Demand::Chains { .. } => {
                let hint = self.next_hint().filter(|_| is_refused);
                hint.map(|chain| SideWork(Some(chain)))
            }
        }
    }

    /// Returns a chain without a job of the worker.
    fn free_chain(&self, id: NodeId) -> Option<ChainId> {
        let chains = self.nodes[id.0].info.iter().flat_map(|info| &info.chains);
        chains.copied().find(|chain| !self.live.holds(*chain))
    }

    /// Whether a node gives the standby job: the first that is ready and issued none of the
    /// worker's jobs. A worker with a demand has no standby job.
    pub(super) fn is_standby(&self, id: NodeId) -> bool {
        if self.demand != Demand::Any {
            return false;
        }
        let is_in_use = |id| {
            let mut published = self.live.published();
            let gets_a_slot = self.has_room() && self.free_chain(id).is_some();
            id == self.upstreams.serving && gets_a_slot || published.any(|live| live.job.node == id)
        };
        self.issuers().find(|id| !is_in_use(*id)) == Some(id)
    }

    /// Whether a job of a node on a chain is a better standby job than the present one.
    pub(super) fn is_better_standby(&self, id: NodeId, chain: ChainId) -> bool {
        self.is_standby(id)
            && self.live.standby().is_none_or(|live| {
                let of_same = self.live.published().any(|it| it.job.node == live.job.node);
                let on_same = self.live.holds(live.job.chain()) && !self.live.holds(chain);
                of_same || on_same || live.due <= self.now
            })
    }
}
