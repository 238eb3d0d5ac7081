//! The flags of the simulation.

use std::num::NonZeroUsize;

use clap::Args;
use rand::Rng;
use rand::rngs::StdRng;

use miner::units::HashRate;

use crate::quantity::positive_number;
use miner::worker::Worker;
use miner::worker::simulation::{Config, Simulation};

const HEADING: &str = "Simulation";

/// What to simulate.
#[derive(Clone, Debug, Args)]
pub struct SimulationArgs {
    /// With the worker `simulation`: the hashes per second that blocks come as if by, with a unit prefix if you like (da,
    /// h, k, M, G, T, P, E, Z, Y, Ki, Mi … Yi).
    #[arg(short = 'r', long, value_name = "RATE", default_value = "1M", value_parser = positive_number,
          help_heading = HEADING)]
    pub hash_rate: f64,
    /// With the worker `simulation`: fixes the time that each thread takes for each of its works [default: another one
    /// each time, which the log tells].
    #[arg(long, value_name = "NUMBER", value_parser = seed, help_heading = HEADING)]
    pub seed: Option<u64>,
}

impl SimulationArgs {
    /// The simulation worker.
    pub(crate) fn worker(&self, threads: NonZeroUsize) -> Worker {
        let seed = self.seed;
        Worker::Simulation(Simulation::new(Config {
            rate: HashRate(self.hash_rate),
            threads,
            seed: seed.unwrap_or_else(|| rand::make_rng::<StdRng>().next_u64()),
        }))
    }
}

fn seed(text: &str) -> Result<u64, String> {
    let wrong = |_| format!("expected a whole number from 0 to {}", u64::MAX);
    text.parse().map_err(wrong)
}
