//! The beat in simulated time.

use chainweb::Target;

use super::*;
use crate::worker::sample::{job, jobs};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn beat(block_time: Duration, blocks: usize) -> Beat {
    let blocks = NonZeroUsize::new(blocks).expect("a block at least");
    Beat::new(ConstantDelay { block_time, blocks })
}

/// Live jobs, each replaced by a new one as soon as it is retired.
struct Network {
    newest: u64,
    live: Vec<Arc<Job>>,
    chains: Option<NonZeroUsize>,
    start: Instant,
}

impl Network {
    fn new(live: usize, chains: usize) -> Self {
        let mut network = Self {
            newest: 0,
            live: Vec::new(),
            chains: NonZeroUsize::new(chains),
            start: Instant::now(),
        };
        for _ in 0..live {
            network.gain();
        }
        network
    }

    fn gain(&mut self) {
        self.newest += 1;
        self.live
            .insert(0, job(self.newest, Target::MAX, self.start));
    }

    fn jobs(&self) -> Jobs {
        let live: Vec<&Arc<Job>> = self.live.iter().collect();
        jobs(&live).on_chains(self.chains)
    }

    /// Returns the times of blocks in milliseconds, up to `until`. One job is replaced every
    /// `update`.
    fn blocks(&mut self, beat: &mut Beat, until: Duration, update: Duration) -> Vec<u128> {
        let (mut made, mut passed, mut updated) = (Vec::new(), Duration::ZERO, Duration::ZERO);
        while passed <= until {
            let done = beat.step(self.start + passed, &self.jobs());
            for done in done {
                made.push(passed.as_millis());
                self.live.retain(|job| job.id != done.id);
                self.gain();
            }
            if passed >= updated + update {
                updated = passed;
                self.live.pop();
                self.gain();
            }
            let next_beat = beat.wakeup().expect("it beats") - self.start;
            passed = next_beat.min(updated + update);
        }
        made
    }
}

#[test]
fn each_chain_gets_a_block_per_block_time_and_updates_do_not_move_the_beat() {
    for (chains, expected) in [
        (1, vec![20_000]),
        (
            10,
            vec![
                2000, 4000, 6000, 8000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000,
            ],
        ),
        (20, (1..=20).map(|beat| beat * 1000).collect()),
        // Without a number from the node, there are 20 chains, as in the Haskell client.
        (0, (1..=20).map(|beat| beat * 1000).collect()),
    ] {
        for update in [30 * SECOND, 7 * MS] {
            let mut network = Network::new(2, chains);
            let mut beat = beat(20 * SECOND, 1);
            let made = network.blocks(&mut beat, 20 * SECOND, update);
            assert_eq!(made, expected, "{chains} chains, updates every {update:?}");
        }
    }
}

#[test]
fn blocks_of_a_beat_are_of_different_jobs() {
    let mut network = Network::new(5, 10);
    let mut beat = beat(10 * SECOND, 3);
    assert_eq!(beat.step(network.start, &network.jobs()), []);
    let made = beat.step(network.start + SECOND, &network.jobs());
    let oldest = &network.live[2..];
    assert_eq!(made, oldest.iter().rev().cloned().collect::<Vec<_>>());
    // The returned jobs are still live; the others are next, and then none is left.
    assert_eq!(
        beat.step(network.start + 2 * SECOND, &network.jobs()).len(),
        2
    );
    assert_eq!(beat.step(network.start + 3 * SECOND, &network.jobs()), []);
    network.gain();
    let made = beat.step(network.start + 3 * SECOND, &network.jobs());
    assert_eq!(made, network.live[..1]);
}

#[test]
fn missing_blocks_are_made_up_for_one_beat_at_most() {
    for (away, expected) in [(1, 2), (2, 4), (3, 4), (3600, 4)] {
        let mut network = Network::new(1, 10);
        let mut beat = beat(10 * SECOND, 2);
        beat.step(network.start, &network.jobs());
        network.live.clear();
        for second in 1..=away {
            let now = network.start + SECOND * second;
            assert_eq!(beat.step(now, &network.jobs()), []);
        }
        let back = network.start + SECOND * away + 500 * MS;
        for _ in 0..10 {
            network.gain();
        }
        let made = beat.step(back, &network.jobs()).len();
        assert_eq!(made, expected, "away for {away} beats");
        // The beat keeps its phase.
        let next = network.start + SECOND * (away + 1);
        assert_eq!(beat.wakeup(), Some(next));
        assert_eq!(beat.step(next, &network.jobs()).len(), 2);
    }
}

#[test]
fn beat_keeps_its_phase_without_a_burst_after_the_machine_slept() {
    for (slept_ms, expected, next_ms) in [
        (999, 0, 1000),
        (1000, 1, 2000),
        (1999, 1, 2000),
        (2000, 2, 3000),
        (86_400_300, 2, 86_401_000),
    ] {
        let network = Network::new(10, 10);
        let mut beat = beat(10 * SECOND, 1);
        beat.step(network.start, &network.jobs());
        let made = beat.step(network.start + MS * slept_ms, &network.jobs());
        assert_eq!(made.len(), expected, "{slept_ms}");
        assert_eq!(beat.wakeup(), Some(network.start + MS * next_ms));
    }
}

#[test]
fn beat_starts_with_the_first_job() {
    let mut network = Network::new(0, 10);
    let mut beat = beat(10 * SECOND, 1);
    beat.step(network.start, &network.jobs());
    assert_eq!(beat.wakeup(), None);
    network.gain();
    let later = network.start + 60 * SECOND;
    assert_eq!(beat.step(later, &network.jobs()), []);
    assert_eq!(beat.wakeup(), Some(later + SECOND));
}

#[test]
fn new_number_of_chains_applies_after_the_next_beat() {
    let mut network = Network::new(4, 10);
    let mut beat = beat(10 * SECOND, 1);
    beat.step(network.start, &network.jobs());
    network.chains = NonZeroUsize::new(20);
    beat.step(network.start + 500 * MS, &network.jobs());
    assert_eq!(beat.wakeup(), Some(network.start + SECOND));
    beat.step(network.start + SECOND, &network.jobs());
    assert_eq!(beat.wakeup(), Some(network.start + 1500 * MS));
}
