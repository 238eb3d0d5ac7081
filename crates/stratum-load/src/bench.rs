//! Benchmark of this project's server: a table of figures with their limits.
//!
//! The server runs as a child process on one core, the load on another. Two minimal servers run in
//! its place for comparison: a loop that writes the same bytes to as many sockets, and an echo. All
//! ratios compare figures of the same run.

mod measure;
mod plan;
mod table;

use std::io;

pub use plan::BenchPlan;
pub use table::{Figure, Table};

use crate::load::LoadError;
use crate::machine;
use measure::Bench;

/// Runs all measurements and returns the table. Calls `on_figure` with each figure as soon as it is
/// measured.
///
/// # Errors
/// Returns errors of the machine, of the servers and of `on_figure`.
pub fn run(
    plan: &BenchPlan,
    mut on_figure: impl FnMut(&Figure) -> io::Result<()>,
) -> Result<Table, LoadError> {
    let most_sessions = plan.sessions.iter().copied().max().unwrap_or(0);
    let connects = plan.connects_per_second * measure::CONNECT_SECONDS;
    machine::allow_sessions(most_sessions.max(plan.miners).max(connects))?;
    machine::pin_to_core(plan.load_core)?;
    let mut bench = Bench::new(plan);
    let mut table = Table::default();
    let mut record = |figures: Vec<Figure>| -> io::Result<()> {
        for figure in figures {
            on_figure(&figure)?;
            table.figures.push(figure);
        }
        Ok(())
    };
    for sessions in &plan.sessions {
        record(bench.idle_and_fan_out(*sessions)?)?;
    }
    record(bench.shares_one_by_one()?)?;
    record(bench.shares_pipelined()?)?;
    record(bench.round_trips()?)?;
    record(bench.connects()?)?;
    Ok(table)
}
