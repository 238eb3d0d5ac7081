//! The client as a whole: on the simulated network, and as the program that a user starts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod cli;
mod compose;
mod docs;
mod doctor;
mod stories;
mod tidy;

use std::env;

/// Returns the seed from `SIMNET_SEED`, and prints it to make a failed test repeatable.
#[expect(clippy::print_stderr, reason = "test output of a failed test")]
fn seed() -> u64 {
    let seed = env::var("SIMNET_SEED").map_or(1, |seed| seed.parse().unwrap());
    eprintln!("SIMNET_SEED={seed}");
    seed
}
