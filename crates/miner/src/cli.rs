//! The command line.
//!
//! Each command declares its own flags beside what it does with them; here they become one program.

use clap::{ArgAction, Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::demo::DemoArgs;
use crate::header::HeaderArgs;
use crate::logging::LogArgs;
use crate::mine::MineArgs;
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
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
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
    /// Measure how fast this machine hashes, beside the blake2 crate in the same run.
    Bench(BenchArgs),
    /// Decode block headers and check their proof of work.
    Header(HeaderArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
