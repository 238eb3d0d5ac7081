//! The flags of the simulation worker.

use std::num::NonZeroUsize;

use clap::Args;
use miner::units::HashRate;
use miner::worker::Worker;
use miner::worker::simulation::Simulation;
use rand::Rng;
use rand::rngs::StdRng;

use crate::quantity::positive_number;

const HEADING: &str = "Simulation";

/// What to simulate.
#[derive(Clone, Debug, Args)]
pub struct SimulationArgs {
    /// Simulated hash rate in hashes per second, such as 500k or 2.5M, for --worker simulation.
    #[arg(short = 'r', long, value_name = "RATE", default_value = "1M", value_parser = positive_number,
          help_heading = HEADING)]
    pub hash_rate: f64,
    /// Random seed for --worker simulation [default: a new one each time; the log contains it].
    #[arg(long, value_name = "NUMBER", value_parser = seed, help_heading = HEADING)]
    pub seed: Option<u64>,
}

impl SimulationArgs {
    /// Returns the simulation worker.
    pub(crate) fn worker(&self, threads: NonZeroUsize) -> Worker {
        let seed = self.seed;
        Worker::Simulation(Simulation {
            rate: HashRate(self.hash_rate),
            threads,
            seed: seed.unwrap_or_else(|| rand::make_rng::<StdRng>().next_u64()),
        })
    }
}

fn seed(text: &str) -> Result<u64, String> {
    let wrong = |_| format!("expected a whole number from 0 to {}", u64::MAX);
    text.parse().map_err(wrong)
}
