//! Cuts a schedule that fails down to few steps.
//!
//! Steps are removed in ranges of falling length while the rest still fails (delta debugging), then
//! the world is made smaller: nodes, chains, slots, faults. Any failure counts.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use super::schedule::{Act, Ending, Policy, Schedule, Setup, Step, Worker};
use super::{Played, Progress, play, play_along};

/// A schedule that fails.
struct Failing<'a> {
    /// Panics if a schedule fails.
    run: &'a dyn Fn(&Schedule, &Progress),
    schedule: Schedule,
    /// The number of events until it fails.
    events: u64,
}

/// Runs a schedule, and cuts it down if it fails.
///
/// # Panics
/// If it fails, after the seed and the shortest schedule that was found are printed.
#[expect(clippy::print_stderr, reason = "a seed that fails has to be known")]
pub(super) fn play_or_shrink(schedule: &Schedule, seed: u64) -> Played {
    let played = catch_unwind(AssertUnwindSafe(|| play(schedule)));
    played.unwrap_or_else(|_| {
        let run = |schedule: &Schedule, progress: &Progress| {
            play_along(schedule, progress);
        };
        let found = shrink(schedule, &run);
        let (steps, events) = (found.schedule.steps.len(), found.events);
        eprintln!("SIMULATION_SEED={seed} fails; {steps} steps do, in {events} events:");
        eprintln!("{:?}", found.schedule);
        // Fails in its own words.
        play(&found.schedule)
    })
}

/// Returns the shortest schedule found that fails, as this one does.
fn shrink<'a>(schedule: &Schedule, run: &'a dyn Fn(&Schedule, &Progress)) -> Failing<'a> {
    let mut failing = Failing {
        run,
        schedule: schedule.clone(),
        events: 0,
    };
    // Each try would print its failure.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    failing.try_out(schedule.clone());
    // Most failures need no healing.
    let mut without = schedule.clone();
    without.ending.0 = Ending::Nothing;
    failing.try_out(without);
    loop {
        let before = failing.schedule.clone();
        failing.cut_steps();
        failing.calm_down();
        failing.reduce();
        if failing.schedule == before {
            break;
        }
    }
    set_hook(hook);
    failing
}

impl Failing<'_> {
    /// Runs a schedule, and takes it if it fails, without the steps after the failure.
    fn try_out(&mut self, mut schedule: Schedule) -> bool {
        let progress = Progress::default();
        let run = || (self.run)(&schedule, &progress);
        let fails = catch_unwind(AssertUnwindSafe(run)).is_err();
        if fails {
            schedule.steps.truncate(progress.steps.get());
            (self.schedule, self.events) = (schedule, progress.events.get());
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

    /// Replaces many steps, then pairs of them, by one second without faults.
    fn calm_down(&mut self) {
        let mut end = self.schedule.steps.len();
        while end > 1 {
            let start = end / 2;
            self.replace(start..end);
            end = start;
        }
        for at in (1..self.schedule.steps.len()).rev() {
            self.replace(at - 1..at + 1);
        }
    }

    fn replace(&mut self, steps: Range<usize>) {
        if steps.end <= self.schedule.steps.len() {
            let mut calmer = self.schedule.clone();
            calmer.steps.splice(steps, [Step(Act::Calm, 0)]);
            self.try_out(calmer);
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
        for ending in [Ending::LookUpBlocks, Ending::Nothing] {
            let mut plain = self.schedule.clone();
            plain.ending = (ending, 0);
            if self.schedule.ending.0 != Ending::Nothing && plain.ending != self.schedule.ending {
                self.try_out(plain);
            }
        }
    }
}

#[test]
fn a_schedule_that_fails_is_cut_down() {
    // Two kills in a row with any share after them.
    let run = |schedule: &Schedule, progress: &Progress| {
        let mut kills = 0;
        for (number, Step(act, _)) in schedule.steps.iter().enumerate() {
            progress.steps.set(number + 1);
            kills += u32::from(*act == Act::CutOff);
            assert!(kills < 2 || *act != Act::Share);
        }
    };
    let mut schedules = (0..).map(Schedule::of_seed);
    let fails = |schedule: &Schedule| {
        let steps = schedule.steps.iter().map(|Step(act, _)| *act);
        let mut after = steps.skip_while(|act| *act != Act::CutOff).skip(1);
        after.any(|act| act == Act::CutOff) && after.any(|act| act == Act::Share)
    };
    let long = schedules.find(fails).expect("most with a disk");
    assert!(long.steps.len() > 50);
    let short = shrink(&long, &run).schedule;
    let acts: Vec<_> = short.steps.iter().map(|Step(act, _)| *act).collect();
    assert_eq!(acts, [Act::CutOff, Act::CutOff, Act::Share]);
    assert_eq!((short.setup.nodes, short.setup.chains), (1, 1));
}
