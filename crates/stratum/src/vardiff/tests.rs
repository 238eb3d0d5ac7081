//! Simulated devices, from a seed each.
//!
//! `VARDIFF_SEED=7` runs that one alone, `VARDIFF_RUNS=100` so many.
#![expect(
    clippy::print_stdout,
    reason = "fractions are the result of these tests"
)]

mod device;
mod stories;
mod thousand;
