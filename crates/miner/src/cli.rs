//! The command line.
//!
//! Flags of the miner are named as those of the Haskell client; what they mean is worked out in the modules that take
//! their values over. Nothing is decided here but what a flag's text may be.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::demo::DemoArgs;
use crate::header::HeaderArgs;
use crate::logging::LogLevel;
use crate::simulate::SimnetArgs;

/// Mines for Kadena's Chainweb network.
///
/// Fetches work from a chainweb node, keeps it fresh, has it solved and hands the solutions in. With `demo` it needs
/// no node: a simulated network comes with it.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_version_flag = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "COMMAND",
    max_term_width = 100
)]
pub struct Cli {
    /// Something else than mining on a node.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to mine.
    #[command(flatten)]
    pub mine: MineArgs,
    /// How much to log to standard error.
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "info",
        ignore_case = true,
        value_name = "LEVEL"
    )]
    pub log_level: LogLevel,
    /// Print help
    #[arg(short, visible_short_alias = '?', long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// What else the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Mine on a simulated network that comes up with the program.
    Demo(DemoArgs),
    /// Run a simulated network with one node, for any mining client.
    Simnet(SimnetArgs),
    /// Decode block headers and check their proof of work.
    Header(HeaderArgs),
}

/// The ways to have work solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerKind {
    /// Hash on this machine's processors.
    Cpu,
}

/// How to mine.
#[derive(Debug, Args)]
pub struct MineArgs {
    /// The node: `host[:port]`, `[::1]:1848` or `http(s)://host[:port]`.
    #[arg(short, long, value_name = "ADDRESS", default_value = "localhost:1848")]
    pub node: Vec<String>,
    /// Speak TLS with the node.
    #[arg(short, long)]
    pub tls: bool,
    /// Accept any TLS certificate of the node.
    #[arg(short = 'x', long)]
    pub insecure: bool,
    /// The public key that is mined for, in hex, exactly as the node knows it.
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// The account that is mined for [default: `k:` and the public key].
    #[arg(short, long)]
    pub account: Option<String>,
    /// What solves the work.
    #[arg(short, long, value_enum, default_value = "cpu", ignore_case = true)]
    pub worker: WorkerKind,
    /// Hashing threads [default: one for each processor that this program may use].
    #[arg(short = 'c', long, value_name = "COUNT")]
    pub thread_count: Option<NonZeroUsize>,
    /// How many works, each for a chain of its own, are held ready.
    #[arg(long, value_name = "COUNT", default_value = "2")]
    pub work_slots: NonZeroUsize,
    /// The time limit of a request, such as `10s` or `1500ms`.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    pub timeout: Duration,
}

/// A time above zero with its unit.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("must be longer than nothing".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!(
            "{error}; a time has a unit, as in 10s, 1500ms or 2m"
        )),
    }
}

/// A number that may have a unit prefix: `1500`, `2.5M`, `10k`.
pub(crate) fn prefixed_number(text: &str) -> Result<f64, String> {
    let (digits, factor) = match text.trim_end_matches("H/s").trim_end() {
        rest if rest.ends_with(['k', 'K']) => (&rest[..rest.len() - 1], 1e3),
        rest if rest.ends_with('M') => (&rest[..rest.len() - 1], 1e6),
        rest if rest.ends_with('G') => (&rest[..rest.len() - 1], 1e9),
        rest if rest.ends_with('T') => (&rest[..rest.len() - 1], 1e12),
        rest if rest.ends_with('P') => (&rest[..rest.len() - 1], 1e15),
        rest => (rest, 1.0),
    };
    match digits.trim_end().parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number * factor),
        _ => Err(
            "expected a number, with k, M, G, T or P behind it if you like, as in 2.5M".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, prefixed_number};

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn numbers_take_unit_prefixes() {
        #[track_caller]
        fn check(text: &str, expected: Option<f64>) {
            assert_eq!(prefixed_number(text).ok(), expected);
        }
        check("0", Some(0.0));
        check("1500", Some(1500.0));
        check("2.5M", Some(2_500_000.0));
        check("10k", Some(10_000.0));
        check("10 MH/s", Some(10_000_000.0));
        check("", None);
        check("-1", None);
        check("inf", None);
        check("M", None);
        check("1 X", None);
    }
}
