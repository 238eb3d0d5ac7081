//! Simulated devices, one per seed.
//!
//! `VARDIFF_SEED=7` runs that seed alone, `VARDIFF_RUNS=100` that many.
#![expect(
    clippy::print_stdout,
    reason = "fractions are the result of these tests"
)]

mod device;
mod stories;
mod thousand;
