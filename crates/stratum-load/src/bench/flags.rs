//! Flags of `bench`.

use std::time::Duration;

use clap::Args;

use crate::clock::parse_time;

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Numbers of sessions for memory and fan-out
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    pub(crate) sessions: Vec<usize>,
    /// Publications of new work for each of them
    #[arg(long, default_value_t = 50)]
    pub(crate) rounds: usize,
    /// Duration of each measurement of shares; round trips take three times as long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(crate) share_time: Duration,
    /// Number of miners, with a share every three seconds, for round trips
    #[arg(long, default_value_t = 5000)]
    pub(crate) miners: usize,
    /// New connections per second, for ten seconds
    #[arg(long, default_value_t = 1000)]
    pub(crate) connect_rate: u16,
    /// Core of the servers
    #[arg(long, default_value_t = 0)]
    pub(crate) server_core: usize,
    /// Core of the load generator
    #[arg(long, default_value_t = 1)]
    pub(crate) load_core: usize,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
