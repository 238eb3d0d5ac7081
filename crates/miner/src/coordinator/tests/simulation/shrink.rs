//! Cuts a schedule that fails down to few steps.
//!
//! Steps are removed in ranges of falling length while the rest still fails (delta debugging), then
//! the world is made smaller: nodes, chains, slots, faults. Any failure counts.

use std::cell::Cell;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use super::schedule::{Act, Ending, Policy, Schedule, Setup, Step, Worker};
use super::{Played, World, play};

/// Runs a schedule, and cuts it down if it fails.
///
/// # Panics
/// If it fails, with the seed and the shortest schedule that was found.
pub(super) fn play_or_shrink(schedule: &Schedule, seed: u64) -> Played {
    match catch_unwind(AssertUnwindSafe(|| play(schedule))) {
        Ok(played) => played,
        Err(_) => {
            let found = shrink(schedule);
            panic!(
                "SIMULATION_SEED={seed} fails; {} steps do, with {} events:\n{:?}",
                found.schedule.steps.len(),
                found.events,
                found.schedule,
            )
        }
    }
}

/// A schedule that fails.
pub(super) struct Failing {
    pub(super) schedule: Schedule,
    /// The number of events until it fails.
    pub(super) events: u64,
}

/// Returns the shortest schedule found that fails like this one.
pub(super) fn shrink(schedule: &Schedule) -> Failing {
    // Each try would print its failure.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut failing = Failing {
        schedule: schedule.clone(),
        events: 0,
    };
    failing.try_out(schedule.clone());
    loop {
        let before = failing.size();
        failing.cut_steps();
        failing.calm_down();
        failing.reduce();
        if failing.size() == before {
            break;
        }
    }
    set_hook(hook);
    failing
}

impl Failing {
    fn size(&self) -> (usize, Setup, Ending) {
        let Schedule {
            setup,
            steps,
            ending,
        } = &self.schedule;
        (steps.len(), setup.clone(), ending.0)
    }

    /// Runs a schedule, and takes it if it fails, without the steps after the failure.
    fn try_out(&mut self, mut schedule: Schedule) -> bool {
        let (steps, events) = (Cell::new(0), Cell::new(0));
        let run = || {
            let mut world = World::new(&schedule.setup);
            for step in &schedule.steps {
                steps.set(steps.get() + 1);
                events.set(world.events + world.other_events);
                world.step(*step);
            }
            events.set(world.events + world.other_events);
            world.end(schedule.ending);
        };
        let fails = catch_unwind(AssertUnwindSafe(run)).is_err();
        if fails {
            schedule.steps.truncate(steps.get());
            (self.schedule, self.events) = (schedule, events.get());
        }
        fails
    }

    /// Removes steps in ranges of falling length.
    fn cut_steps(&mut self) {
        let mut length = self.schedule.steps.len().div_ceil(2);
        while length > 0 {
            let mut end = self.schedule.steps.len();
            while end > 0 {
                let start = end.saturating_sub(length);
                let mut shorter = self.schedule.clone();
                shorter.steps.drain(start..end);
                self.try_out(shorter);
                end = start.min(self.schedule.steps.len());
            }
            length = if length == 1 { 0 } else { length.div_ceil(2) };
        }
    }

    /// Replaces many steps by one second without faults.
    fn calm_down(&mut self) {
        let mut at = self.schedule.steps.len();
        while at > 1 {
            let mut shorter = self.schedule.clone();
            let start = at / 2;
            shorter.steps.splice(start..at, [Step(Act::Calm, 0)]);
            if !self.try_out(shorter) {
                at = start;
            } else {
                at = start.min(self.schedule.steps.len());
            }
        }
        for at in (0..self.schedule.steps.len()).rev() {
            let mut calmer = self.schedule.clone();
            if at + 1 < calmer.steps.len() {
                calmer.steps.splice(at..at + 2, [Step(Act::Calm, 0)]);
                self.try_out(calmer);
            }
        }
    }

    /// Makes the world smaller.
    fn reduce(&mut self) {
        let changes: [fn(&mut Setup); 12] = [
            |it| (it.nodes, it.submit_only) = (1, 0),
            |it| (it.nodes, it.submit_only) = (it.nodes.min(2), 0),
            |it| it.submit_only = 0,
            |it| it.chains = 1,
            |it| it.chains = it.chains.min(2),
            |it| it.chains = it.chains.min(3),
            |it| it.slots = 1,
            |it| it.faults = 0,
            |it| (it.is_evm, it.shares_payloads) = (false, false),
            |it| it.is_remembered = false,
            |it| it.worker = Worker::Any,
            |it| it.policy = Policy::Immediate,
        ];
        for change in changes {
            let mut smaller = self.schedule.clone();
            change(&mut smaller.setup);
            smaller.setup.is_evm &= smaller.setup.chains >= 10;
            if smaller.setup != self.schedule.setup {
                self.try_out(smaller);
            }
        }
        let mut shorter = self.schedule.clone();
        shorter.ending = (Ending::LookUpBlocks, 0);
        if discriminant(&shorter.ending.0) != discriminant(&self.schedule.ending.0) {
            self.try_out(shorter);
        }
    }
}
