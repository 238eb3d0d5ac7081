//! What is to be done for the goals: on which chains work is wanted, and which jobs are handed in as they are.
//!
//! A job is handed in if its block is one that a goal needs, whatever the demand says by then. After that its chain is
//! left alone until the cut shows the block, or for a while: then the block is lost, and another one is made. A pure
//! state machine: time, orders, views and jobs go in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::ChainId;

use super::goals::{Goals, Mark, Progress, TooMuch};
use super::needs;
use crate::demand::{Demand, View};
use crate::job::{Job, Jobs};

/// Why an order is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Chains that the node does not have.
    #[error("the node has no chain {0}; it has {1}")]
    UnknownChain(ChainId, String),
    /// More than can be outstanding.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// The state of all orders.
#[derive(Debug)]
pub(super) struct Plan {
    goals: Goals,
    view: Option<Arc<View>>,
    /// The last block handed in on each chain that the cut does not show yet.
    handed_in: BTreeMap<ChainId, HandedIn>,
    /// After how long a block that the cut does not show is lost.
    patience: Duration,
}

#[derive(Clone, Copy, Debug)]
struct HandedIn {
    height: u64,
    lost: Instant,
}

impl Plan {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            goals: Goals::default(),
            view: None,
            handed_in: BTreeMap::new(),
            patience,
        }
    }

    /// Adds blocks to what is outstanding.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        counts: &BTreeMap<ChainId, u64>,
    ) -> Result<Mark, Refused> {
        if let Some(view) = &self.view
            && let Some(unknown) = counts.keys().find(|chain| !view.graph.contains(**chain))
        {
            let chains: Vec<_> = view.graph.chains().collect();
            return Err(Refused::UnknownChain(*unknown, list(&chains)));
        }
        Ok(self.goals.ask(now, counts)?)
    }

    /// Takes in how the network stands; gives the chains whose goals end because it lacks them.
    pub(super) fn see(&mut self, view: Arc<View>) -> Vec<ChainId> {
        if let Some(before) = &self.view
            && before.version != view.version
        {
            self.handed_in.clear();
        }
        if let Some(heights) = &view.heights {
            self.handed_in.retain(|chain, block| {
                let height = heights.of.get(chain);
                height.is_none_or(|height| *height < block.height)
            });
        }
        let lacking = self.goals.see(&view);
        self.view = Some(view);
        lacking
    }

    /// Gives up all goals.
    pub(super) fn drop_all(&mut self) {
        self.goals.drop_all();
    }

    pub(super) fn outstanding(&self) -> BTreeMap<ChainId, u64> {
        self.goals.outstanding()
    }

    pub(super) fn progress(&self, mark: &Mark) -> Progress {
        self.goals.progress(mark)
    }

    /// The jobs that are to be handed in now; they count as handed in from here on.
    pub(super) fn take(&mut self, now: Instant, jobs: &Jobs) -> Vec<Arc<Job>> {
        self.handed_in.retain(|_, block| block.lost > now);
        let Some(view) = &self.view else {
            return Vec::new();
        };
        let required = needs::required(&view.graph, &self.goals.targets());
        let mut taken = Vec::new();
        for job in jobs.iter() {
            let (chain, height) = (job.chain(), job.work.header().height());
            let is_needed = required.get(&chain).is_some_and(|needed| height <= *needed);
            let is_new = self
                .handed_in
                .get(&chain)
                .is_none_or(|block| block.height < height);
            if is_needed && is_new {
                let lost = now + self.patience;
                self.handed_in.insert(chain, HandedIn { height, lost });
                taken.push(Arc::clone(job));
            }
        }
        taken
    }

    /// What work is wanted.
    pub(super) fn demand(&self) -> Demand {
        let unplaced: BTreeSet<_> = self.goals.unplaced().collect();
        let targets = self.goals.targets();
        if unplaced.is_empty() && targets.is_empty() {
            return Demand::Nothing;
        }
        // Work for what was asked for just now is fetched while the cut is.
        let mut wanted = unplaced;
        if let Some(view) = &self.view
            && let Some(heights) = &view.heights
        {
            let required = needs::required(&view.graph, &targets);
            wanted.extend(needs::mineable(&view.graph, &heights.of, &required));
        }
        wanted.retain(|chain| !self.handed_in.contains_key(chain));
        Demand::Chains(wanted)
    }

    /// When a block that was handed in is lost, unless the cut shows it before.
    pub(super) fn next_loss(&self) -> Option<Instant> {
        self.handed_in.values().map(|block| block.lost).min()
    }
}

/// Chains as they are told to people.
pub(super) fn list(chains: &[ChainId]) -> String {
    let names: Vec<_> = chains.iter().map(ChainId::to_string).collect();
    names.join(", ")
}
