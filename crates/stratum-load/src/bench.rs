//! Benchmark of this project's server: a table of figures with their limits.
//!
//! The server runs as a child process on one core, the load on another. Two minimal servers run in
//! its place for comparison: a loop that writes the same bytes to as many sockets, and an echo. All
//! ratios compare figures of the same run.

mod flags;
mod measure;
mod table;

use std::io;
use std::path::PathBuf;

pub use flags::BenchArgs;
use measure::Bench;
pub use table::Figure;

use crate::machine;

/// Runs all measurements and returns the figures. Calls `on_figure` with each figure as soon as it
/// is measured. `program` is the path of this program, to start servers.
///
/// # Errors
/// Returns errors of the machine, of the servers and of `on_figure`.
pub fn run(
    args: &BenchArgs,
    program: PathBuf,
    mut on_figure: impl FnMut(&Figure) -> io::Result<()>,
) -> anyhow::Result<Vec<Figure>> {
    let most_sessions = args.sessions.iter().copied().max().unwrap_or(0);
    let connects = usize::from(args.connect_rate) * measure::CONNECT_SECONDS;
    machine::allow_sessions(most_sessions.max(args.miners).max(connects))?;
    machine::pin_to_core(args.load_core)?;
    let mut bench = Bench::new(args, program);
    let mut figures = Vec::new();
    let mut record = |measured: Vec<Figure>| {
        measured.iter().try_for_each(&mut on_figure)?;
        figures.extend(measured);
        io::Result::Ok(())
    };
    for sessions in &args.sessions {
        record(bench.idle_and_fan_out(*sessions)?)?;
    }
    record(bench.shares_one_by_one()?)?;
    record(bench.shares_pipelined()?)?;
    record(bench.round_trips()?)?;
    record(bench.connects()?)?;
    Ok(figures)
}
