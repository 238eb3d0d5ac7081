//! The blocks that were asked for and are not made yet.
//!
//! A goal is a height: what a chain has to reach in the node's cut. So a block that is lost is made again, and one that
//! somebody else has found counts. Counts become heights with the first cut that was asked for after them, since
//! the chain may have grown unseen before; they are added to what is outstanding then. A chain that falls below the
//! height at which its goal was set (the network was begun anew) takes its goal down with it: never more blocks are made
//! than were asked for. Neither braiding nor nodes are known here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use chainweb::ChainId;
use node::Version;

use crate::demand::View;

/// The most blocks of one chain that can be outstanding.
pub(super) const MOST_BLOCKS: u64 = 1_000_000;

/// The most chains on which blocks can be asked for before the network is known; the largest has 98.
pub(super) const MOST_CHAINS: usize = 256;

/// All goals.
#[derive(Debug, Default)]
pub(super) struct Goals {
    network: Option<Version>,
    of: BTreeMap<ChainId, Goal>,
}

#[derive(Debug, Default)]
struct Goal {
    /// All blocks that were ever asked for.
    asked: u64,
    /// What was asked for since the last cut, and when; what is left from another network has no time. Three entries
    /// at most: the last one grows while others wait.
    unplaced: VecDeque<(Option<Instant>, u64)>,
    placed: Option<Placed>,
}

/// A height to be reached.
#[derive(Clone, Copy, Debug)]
struct Placed {
    /// How high the chain was when the goal was set.
    base: u64,
    target: u64,
    /// How high it was last.
    height: u64,
}

/// What was asked for with one order, to see when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark(BTreeMap<ChainId, u64>);

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Outstanding,
    Made,
    /// Its network has gone, and the new one lacks a chain of it.
    Dropped,
}

/// Why blocks cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error(
        "no more than {MOST_BLOCKS} blocks of a chain can be outstanding, and chain {0} would have more"
    )]
    Blocks(ChainId),
    #[error("no more than {MOST_CHAINS} chains can be named")]
    Chains,
}

impl Goal {
    fn outstanding(&self) -> u64 {
        let unplaced = self.unplaced.iter().map(|(_, count)| count).sum::<u64>();
        unplaced
            + self
                .placed
                .map_or(0, |placed| placed.target - placed.height)
    }

    fn ask(&mut self, now: Instant, count: u64) {
        self.asked = self.asked.wrapping_add(count);
        // What the cut that is on its way will place is not put off by this.
        let mut total = count;
        if self.unplaced.len() > 1 {
            let last = self.unplaced.pop_back();
            total += last.map_or(0, |(_, before)| before);
        }
        self.unplaced.push_back((Some(now), total));
    }

    /// The chain had this height in a cut that was asked for then.
    fn see(&mut self, asked: Instant, height: u64) {
        self.placed = self.placed.and_then(|placed| {
            let fallen = placed.base.saturating_sub(height);
            let target = placed.target - fallen;
            (height < target).then_some(Placed {
                base: placed.base - fallen,
                target,
                height,
            })
        });
        while let Some((since, count)) = self.unplaced.front().copied()
            && since.is_none_or(|since| since <= asked)
        {
            self.unplaced.pop_front();
            let from = self.placed.map_or(height, |placed| placed.target);
            self.placed = Some(Placed {
                base: height,
                target: from.saturating_add(count),
                height,
            });
        }
    }

    /// The heights of before mean nothing any more.
    fn unplace(&mut self) {
        if let Some(placed) = self.placed.take() {
            let outstanding = placed.target - placed.height;
            self.unplaced.push_front((None, outstanding));
        }
    }
}

impl Goals {
    /// Adds blocks to what is outstanding: all of them or, with an error, none.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        counts: &BTreeMap<ChainId, u64>,
    ) -> Result<Mark, TooMuch> {
        let counts = || counts.iter().filter(|(_, count)| **count > 0);
        for (chain, count) in counts() {
            let outstanding = self.of.get(chain).map_or(0, Goal::outstanding);
            if outstanding.saturating_add(*count) > MOST_BLOCKS {
                return Err(TooMuch::Blocks(*chain));
            }
        }
        let new = counts().filter(|(chain, _)| !self.of.contains_key(chain));
        if self.of.len() + new.count() > MOST_CHAINS {
            return Err(TooMuch::Chains);
        }
        let asked = counts().map(|(chain, count)| {
            let goal = self.of.entry(*chain).or_default();
            goal.ask(now, *count);
            (*chain, goal.asked)
        });
        Ok(Mark(asked.collect()))
    }

    /// Takes in how the network stands; gives the chains whose goals end because it lacks them.
    pub(super) fn see(&mut self, view: &View) -> Vec<ChainId> {
        if self.network.as_ref() != Some(&view.version) {
            self.network = Some(view.version.clone());
            for goal in self.of.values_mut() {
                goal.unplace();
            }
        }
        let lacking = self
            .of
            .extract_if(.., |chain, _| !view.graph.contains(*chain));
        let lacking = lacking.filter(|(_, goal)| goal.outstanding() > 0);
        let lacking = lacking.map(|(chain, _)| chain).collect();
        if let Some(heights) = &view.heights {
            for (chain, goal) in &mut self.of {
                if let Some(height) = heights.of.get(chain) {
                    goal.see(heights.requested, *height);
                }
            }
        }
        lacking
    }

    /// Gives up all that is outstanding.
    pub(super) fn give_up(&mut self) {
        self.of.clear();
    }

    /// The blocks that are still to be made.
    pub(super) fn outstanding(&self) -> BTreeMap<ChainId, u64> {
        let outstanding = self
            .of
            .iter()
            .map(|(chain, goal)| (*chain, goal.outstanding()));
        outstanding.filter(|(_, count)| *count > 0).collect()
    }

    /// The heights to be reached, as far as they are known.
    pub(super) fn targets(&self) -> BTreeMap<ChainId, u64> {
        let target = |(chain, goal): (&ChainId, &Goal)| Some((*chain, goal.placed?.target));
        self.of.iter().filter_map(target).collect()
    }

    /// The chains with blocks whose heights are not known yet.
    pub(super) fn unplaced(&self) -> impl Iterator<Item = ChainId> + '_ {
        let unplaced = self.of.iter().filter(|(_, goal)| !goal.unplaced.is_empty());
        unplaced.map(|(chain, _)| *chain)
    }

    /// How far the blocks of an order are: the first ones that were asked for are the first ones made.
    pub(super) fn progress(&self, mark: &Mark) -> Progress {
        let mut progress = Progress::Made;
        for (chain, asked) in &mark.0 {
            let Some(goal) = self.of.get(chain) else {
                return Progress::Dropped;
            };
            // How many were asked for after it, which may come later.
            let after = goal.asked.wrapping_sub(*asked);
            if goal.outstanding() > after {
                progress = Progress::Outstanding;
            }
        }
        progress
    }
}

#[cfg(test)]
mod tests;
