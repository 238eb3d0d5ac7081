//! Decides on which chains work is wanted, and which jobs are submitted.
//!
//! A job is submitted if a target needs its block, even if the demand has changed. After that its
//! chain is left alone until the cut has the block; if it does not in time, the block is lost and
//! another is made. A pure state machine: times, requests, views and jobs are arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::ChainId;

use super::target::ChainTarget;
use super::{Counts, Outcome, RequestError, braiding};
use crate::demand::{Demand, Source, View};
use crate::job::{Job, Jobs};
use crate::units::list;

/// The most outstanding blocks of one chain.
pub(super) const MAX_BLOCKS: u64 = 1_000_000;

/// The most chains of which blocks can be outstanding. The largest network has 98.
pub(super) const MAX_CHAINS: usize = 256;

/// The most remembered sets of unknown chains. Requests choose them, so they are bounded.
const MAX_UNKNOWN: usize = 64;

/// The state of all requests.
#[derive(Debug, Default)]
pub(super) struct Plan {
    targets: BTreeMap<ChainId, ChainTarget>,
    view: Option<Arc<View>>,
    /// The height that each chain has to reach; empty until the network is known.
    required: BTreeMap<ChainId, u64>,
    /// The height of the last block submitted on each chain, and when it is lost unless it gets
    /// into the cut.
    submitted: BTreeMap<ChainId, (u64, Instant)>,
    /// The sets of chains already logged as unknown in this network.
    logged_unknown: BTreeSet<Vec<ChainId>>,
}

impl Plan {
    /// Returns the chains of a request that the network lacks; none while the network is unknown.
    pub(super) fn unknown(&self, counts: &Counts) -> Vec<ChainId> {
        let graph = self.view.as_ref().map(|view| &view.graph);
        let is_unknown = |chain: &ChainId| graph.is_some_and(|graph| !graph.contains(*chain));
        counts.keys().copied().filter(is_unknown).collect()
    }

    /// Whether this set of unknown chains is to be logged: once in each network.
    pub(super) fn is_news(&mut self, unknown: &[ChainId]) -> bool {
        if self.logged_unknown.contains(unknown) {
            return false;
        }
        if self.logged_unknown.len() == MAX_UNKNOWN {
            self.logged_unknown.clear();
        }
        self.logged_unknown.insert(unknown.to_vec())
    }

    /// Adds blocks to the outstanding ones, all of them or, with an error, none. Returns the totals
    /// at which they are made, for [`outcome`](Self::outcome).
    pub(super) fn add(&mut self, now: Instant, counts: &Counts) -> Result<Counts, RequestError> {
        if let Some(view) = &self.view
            && let Some(chain) = counts.keys().find(|chain| !view.graph.contains(**chain))
        {
            let known = list(view.graph.chains());
            return Err(RequestError::UnknownChain(*chain, known));
        }
        let counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
        let mut outstanding = self.outstanding();
        for &(chain, count) in &counts {
            let sum = outstanding.entry(*chain).or_default();
            *sum = sum.saturating_add(*count);
            if *sum > MAX_BLOCKS {
                return Err(RequestError::TooManyBlocks(*chain));
            }
        }
        if outstanding.len() > MAX_CHAINS {
            return Err(RequestError::TooManyChains);
        }
        let totals = counts.into_iter().map(|(chain, count)| {
            let target = self.targets.entry(*chain).or_default();
            target.add(now, *count);
            (*chain, target.requested)
        });
        let totals = totals.collect();
        self.require();
        Ok(totals)
    }

    /// Updates the targets by the state of the network. Returns the chains whose outstanding blocks
    /// are cancelled because the network lacks them.
    pub(super) fn update_view(&mut self, view: Arc<View>) -> Vec<ChainId> {
        let network = self.view.as_ref().map(|view| &view.version);
        if network != Some(&view.version) {
            self.submitted.clear();
            self.logged_unknown.clear();
            self.targets.values_mut().for_each(ChainTarget::unplace);
        }
        let is_unknown = |chain: &ChainId| !view.graph.contains(*chain);
        let unknown = self.outstanding().into_keys().filter(is_unknown).collect();
        self.targets.retain(|chain, _| !is_unknown(chain));
        if let Some(heights) = &view.heights {
            for (chain, height) in &heights.of {
                if let Some(target) = self.targets.get_mut(chain) {
                    target.update(heights.requested(*chain), *height);
                }
            }
            self.submitted
                .retain(|chain, (height, _)| heights.of.get(chain) < Some(height));
        }
        self.view = Some(view);
        self.require();
        unknown
    }

    /// Cancels all outstanding blocks and returns them.
    pub(super) fn cancel(&mut self) -> Counts {
        let outstanding = self.outstanding();
        self.targets.clear();
        self.require();
        outstanding
    }

    pub(super) fn outstanding(&self) -> Counts {
        let targets = self.targets.iter();
        let outstanding = targets.map(|(chain, target)| (*chain, target.outstanding()));
        outstanding.filter(|(_, count)| *count > 0).collect()
    }

    /// Returns the outcome of a request, `None` while blocks of it are outstanding. The blocks that
    /// were requested first are made first.
    pub(super) fn outcome(&self, totals: &Counts) -> Option<Outcome> {
        let mut outcome = Some(Outcome::Made);
        for (chain, total) in totals {
            let Some(target) = self.targets.get(chain) else {
                return Some(Outcome::Cancelled);
            };
            if target.requested - target.outstanding() < *total {
                outcome = None;
            }
        }
        outcome
    }

    /// Returns the jobs to submit now. A block that is not in the cut after `patience` is lost.
    pub(super) fn submit(
        &mut self,
        now: Instant,
        patience: Duration,
        jobs: &Jobs,
    ) -> Vec<Arc<Job>> {
        self.submitted.retain(|_, (_, lost_at)| *lost_at > now);
        let is_any_of_use = self.needs_heights_of_work();
        let mut due = Vec::new();
        for job in jobs.iter() {
            let (chain, height) = (job.chain(), job.work.header().height());
            let submitted = self.submitted.get(&chain).map(|(height, _)| *height);
            // The cut may pass a job before an update retires it.
            let in_cut = self.heights().and_then(|heights| heights.get(&chain));
            if (is_any_of_use || self.required.get(&chain) >= Some(&height))
                && submitted.max(in_cut.copied()) < Some(height)
            {
                self.submitted.insert(chain, (height, now + patience));
                due.push(Arc::clone(job));
            }
        }
        due
    }

    /// Returns the wanted work.
    pub(super) fn demand(&self) -> Demand {
        if self.outstanding().is_empty() {
            return Demand::Nothing;
        }
        // Work for a new request is fetched along with the cut.
        let unplaced = self.targets.iter().filter(|(_, of)| of.is_unplaced());
        let mut named: BTreeSet<_> = unplaced.map(|(chain, _)| *chain).collect();
        let mut usable = named.clone();
        let required = &self.required;
        if let (Some(view), Some(heights)) = (&self.view, self.heights()) {
            let mut heights = heights.clone();
            if self.reads_work() {
                // Work on a chain of unknown height is what makes it known.
                let unknown = required.keys().map(|chain| (*chain, 0));
                heights = unknown.chain(heights).collect();
            }
            named.extend(braiding::extendable(&view.graph, &heights, required));
            let lacks = |(chain, required): &(&ChainId, &u64)| {
                let submitted = self.submitted.get(chain).map(|(height, _)| height);
                submitted.max(heights.get(chain)) < Some(required)
            };
            usable.extend(required.iter().filter(lacks).map(|(chain, _)| *chain));
            if self.needs_heights_of_work() {
                usable.extend(view.graph.chains());
            }
        }
        named.retain(|chain| !self.submitted.contains_key(chain));
        Demand::Chains { named, usable }
    }

    /// Whether the heights are those of work, because the node does not serve its cut.
    fn reads_work(&self) -> bool {
        let heights = self.view.as_ref().and_then(|view| view.heights.as_ref());
        heights.is_some_and(|heights| matches!(heights.source, Source::Work(_)))
    }

    /// Whether a chain with requested blocks has to get work before its height is known. Until it
    /// gets some, its adjacent chains may be too low, and any block can be the one it waits for.
    fn needs_heights_of_work(&self) -> bool {
        self.reads_work() && self.targets.values().any(ChainTarget::is_unplaced)
    }

    /// Returns when the next submitted block is lost, unless the cut has it before.
    pub(super) fn next_loss(&self) -> Option<Instant> {
        self.submitted.values().map(|(_, lost_at)| *lost_at).min()
    }

    /// Works out how high the chains have to be.
    fn require(&mut self) {
        let targets = self.targets.iter();
        let targets = targets.filter_map(|(chain, target)| Some((*chain, target.height()?)));
        let required = |view: &Arc<View>| braiding::required(&view.graph, targets);
        self.required = self.view.as_ref().map(required).unwrap_or_default();
    }

    fn heights(&self) -> Option<&BTreeMap<ChainId, u64>> {
        Some(&self.view.as_ref()?.heights.as_ref()?.of)
    }
}

#[cfg(test)]
mod tests;
