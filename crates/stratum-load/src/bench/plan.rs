//! Configuration of a bench.

use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a bench.
#[derive(Clone, Debug)]
pub struct BenchPlan {
    /// Path of `stratum-load`, which also runs the servers.
    pub(crate) program: PathBuf,
    /// Core of the servers.
    pub(crate) server_core: usize,
    /// Core of the load generator.
    pub(crate) load_core: usize,
    /// Numbers of sessions for memory and fan-out.
    pub(crate) sessions: Vec<usize>,
    /// Number of publications for each of them.
    pub(crate) rounds: usize,
    /// Duration of each measurement of shares.
    pub(crate) share_time: Duration,
    /// Number of miners with a share every three seconds.
    pub(crate) miners: usize,
    /// Number of sessions that submit one share at a time.
    pub(crate) one_by_one: usize,
    /// Number of sessions that submit many shares at a time.
    pub(crate) pipelined: usize,
    /// New connections per second, for ten seconds.
    pub(crate) connects_per_second: usize,
    /// Seed of all random choices.
    pub(crate) seed: u64,
}
