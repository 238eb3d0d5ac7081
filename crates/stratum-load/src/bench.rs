//! The whole table of figures that a server has to reach, each beside its limit.
//!
//! The server is a child on a core of its own, the load on the other, and so are the two floors of the machine: a loop
//! that writes the same bytes to as many sockets, and an echo. Ratios are of figures of the same run.

mod measure;
mod table;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use table::{Bound, Figure, Table};

use crate::load::LoadError;
use crate::machine;
use measure::Bench;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct BenchPlan {
    /// The program of this crate, which is server and floor too.
    pub program: PathBuf,
    /// The core of the servers.
    pub server_core: usize,
    /// The core of the load.
    pub load_core: usize,
    /// Numbers of idle sessions and for the fan-out.
    pub sessions: Vec<usize>,
    /// Publications for each.
    pub rounds: usize,
    /// How long each measurement of shares lasts.
    pub share_time: Duration,
    /// Miners with a share every three seconds.
    pub miners: usize,
    /// Sessions that submit without a pause, one share at a time.
    pub one_by_one: usize,
    /// Sessions that submit without a pause, many shares at a time.
    pub pipelined: usize,
    /// Connections a second, for ten seconds.
    pub connects_per_second: usize,
    /// Decides who sends what when.
    pub seed: u64,
}

/// Measures everything and tells each figure to `told` as it comes.
pub fn run(
    plan: &BenchPlan,
    mut told: impl FnMut(&Figure) -> io::Result<()>,
) -> Result<Table, LoadError> {
    let most = plan.sessions.iter().copied().max().unwrap_or(0);
    let connects = plan.connects_per_second * measure::CONNECT_SECONDS;
    machine::allow_sessions(most.max(plan.miners).max(connects))?;
    machine::pin_to_core(plan.load_core)?;
    let mut bench = Bench::new(plan);
    let mut table = Table::default();
    let mut take = |figures: Vec<Figure>| -> io::Result<()> {
        for figure in figures {
            told(&figure)?;
            table.figures.push(figure);
        }
        Ok(())
    };
    for sessions in &plan.sessions {
        take(bench.idle_and_fan_out(*sessions)?)?;
    }
    take(bench.shares_one_by_one()?)?;
    take(bench.shares_pipelined()?)?;
    take(bench.round_trips()?)?;
    take(bench.connects()?)?;
    Ok(table)
}
