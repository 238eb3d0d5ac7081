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
pub enum Refused {
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
    pub(super) fn give_up(&mut self) {
        self.goals.give_up();
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
            // The cut may tell of a block before the chain's updates take the job away.
            let known = view
                .heights
                .as_ref()
                .and_then(|heights| heights.of.get(&chain));
            let is_above = known.is_none_or(|known| height > *known);
            if is_needed && is_new && is_above {
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

#[cfg(test)]
mod tests {
    use chainweb::ChainGraph;

    use super::*;
    use crate::demand::Heights;
    use crate::worker::sample::job_at as job;

    const PATIENCE: Duration = Duration::from_secs(2);

    /// Two chains of these heights.
    fn view(requested: Instant, heights: [u64; 2]) -> Arc<View> {
        let of = (0..).map(ChainId::new).zip(heights).collect();
        Arc::new(View {
            version: "net".parse().expect("a name"),
            graph: ChainGraph::pair(),
            heights: Some(Heights { requested, of }),
        })
    }

    fn chains(chains: &[u32]) -> Demand {
        Demand::Chains(chains.iter().copied().map(ChainId::new).collect())
    }

    /// The chains and heights of the jobs that are taken.
    fn taken(plan: &mut Plan, now: Instant, jobs: &[Arc<Job>]) -> Vec<(u32, u64)> {
        let taken = plan.take(now, &Jobs::new(jobs.to_vec()));
        let place = |job: &Arc<Job>| (job.chain().get(), job.work.header().height());
        taken.iter().map(place).collect()
    }

    #[test]
    fn a_job_is_fetched_while_the_cut_is_and_handed_in_once_that_has_come() {
        let (mut plan, now) = (Plan::new(PATIENCE), Instant::now());
        assert_eq!(plan.demand(), Demand::Nothing);
        plan.ask(now, &[(ChainId::new(0), 1)].into())
            .expect("it is not too much");
        assert_eq!(plan.demand(), chains(&[0]));
        let ready = [job(0, 6)];
        assert_eq!(taken(&mut plan, now, &ready), []);
        plan.see(view(now, [5, 5]));
        assert_eq!(plan.demand(), chains(&[0]));
        assert_eq!(taken(&mut plan, now, &ready), [(0, 6)]);
        assert_eq!(taken(&mut plan, now, &ready), [], "once");
        assert_eq!(plan.demand(), chains(&[]), "its block may come");
        plan.see(view(now, [6, 5]));
        assert_eq!(plan.demand(), Demand::Nothing);
    }

    #[test]
    fn a_job_that_the_cut_has_passed_is_not_handed_in() {
        let (mut plan, now) = (Plan::new(PATIENCE), Instant::now());
        plan.see(view(now, [5, 5]));
        plan.ask(now, &[(ChainId::new(0), 2)].into())
            .expect("it is not too much");
        plan.see(view(now, [6, 5]));
        assert_eq!(taken(&mut plan, now, &[job(0, 6)]), []);
        assert_eq!(taken(&mut plan, now, &[job(0, 7)]), [(0, 7)]);
    }

    #[test]
    fn a_block_that_no_goal_needs_is_not_made_whatever_job_there_is() {
        let (mut plan, now) = (Plan::new(PATIENCE), Instant::now());
        plan.ask(now, &[(ChainId::new(0), 2)].into())
            .expect("it is not too much");
        plan.see(view(now, [5, 5]));
        // Chain 0 is to be at 7, and the other at 6 for that.
        assert_eq!(plan.demand(), chains(&[0, 1]));
        let jobs = [job(1, 7), job(0, 8)];
        assert_eq!(taken(&mut plan, now, &jobs), []);
        let jobs = [job(1, 6), job(0, 6)];
        assert_eq!(taken(&mut plan, now, &jobs), [(1, 6), (0, 6)]);
    }

    #[test]
    fn a_chain_whose_neighbour_is_behind_waits_for_it() {
        let (mut plan, now) = (Plan::new(PATIENCE), Instant::now());
        plan.ask(now, &[(ChainId::new(0), 1)].into())
            .expect("it is not too much");
        plan.see(view(now, [6, 5]));
        assert_eq!(plan.demand(), chains(&[1]));
    }

    #[test]
    fn a_block_that_the_cut_does_not_show_after_a_while_is_made_again() {
        let (mut plan, now) = (Plan::new(PATIENCE), Instant::now());
        plan.ask(now, &[(ChainId::new(0), 1)].into())
            .expect("it is not too much");
        plan.see(view(now, [5, 5]));
        assert_eq!(taken(&mut plan, now, &[job(0, 6)]), [(0, 6)]);
        let lost = now + PATIENCE;
        assert_eq!(plan.next_loss(), Some(lost));
        plan.see(view(now, [5, 5]));
        assert_eq!(plan.demand(), chains(&[]));
        assert_eq!(taken(&mut plan, lost, &[]), []);
        assert_eq!(plan.demand(), chains(&[0]));
        assert_eq!(taken(&mut plan, lost, &[job(0, 6)]), [(0, 6)]);
    }

    #[test]
    fn a_chain_that_the_network_lacks_is_refused_with_those_that_it_has() {
        let (mut plan, now) = (Plan::new(PATIENCE), Instant::now());
        plan.see(view(now, [5, 5]));
        let refused = plan.ask(now, &[(ChainId::new(2), 1)].into());
        let expected = Refused::UnknownChain(ChainId::new(2), "0, 1".to_owned());
        assert_eq!(refused, Err(expected));
    }
}
