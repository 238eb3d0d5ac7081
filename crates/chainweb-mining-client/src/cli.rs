//! The command line: the flags of mining and the commands.
//!
//! Each command declares its own flags.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ColorChoice, CommandFactory, Parser, Subcommand};

use crate::about::AboutArgs;
use crate::bench::BenchArgs;
use crate::completions::CompletionsArgs;
use crate::config::ConfigArgs;
use crate::demo::DemoArgs;
use crate::doctor::DoctorArgs;
use crate::flags::{AlertsArgs, MineArgs};
use crate::generate_key::GenerateKeyArgs;
use crate::header::HeaderArgs;
use crate::health::HealthArgs;
use crate::logging::{LogArgs, LogLevel};
use crate::man::ManArgs;
use crate::simulate::SimnetArgs;
use crate::stats::StatsArgs;

/// Common command lines.
const EXAMPLES: &str = "\
Examples:
  Try it without a node:
    chainweb-mining-client demo

  Serve ASICs, with port 1917 of this machine as their pool:
    chainweb-mining-client --worker stratum --node localhost:1848 --public-key KEY

  Mine with the CPU, at low priority:
    chainweb-mining-client --worker cpu --cpu-priority idle --node localhost:1848 --public-key KEY

  Generate a key pair to mine for:
    chainweb-mining-client --generate-key
";

/// The flags in `-h`; `--help` prints all.
const ESSENTIAL: [&str; 12] = [
    "node",
    "tls",
    "insecure",
    "public-key",
    "account",
    "worker",
    "thread-count",
    "config-file",
    "log-level",
    "generate-key",
    "help",
    "version",
];

/// Mines for Kadena's Chainweb network.
///
/// Fetches work from a chainweb node, solves it with ASICs, CPUs or other programs, and submits the
/// solutions. `demo` mines on a simulated network, without a node.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_version_flag = true,
    disable_help_flag = true,
    propagate_version = true,
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "COMMAND",
    mut_args(shortened),
    after_help = "All flags, with examples: --help",
    after_long_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Cli {
    /// The command; mining if there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to mine.
    #[command(flatten)]
    pub mine: MineArgs,
    /// Where settings come from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
    /// Whether to generate keys instead of mining.
    #[command(flatten)]
    pub generate_key: GenerateKeyArgs,
    /// The text to print instead of mining.
    #[command(flatten)]
    pub about: AboutArgs,
    /// Print help: -h for the essential flags, --help for all.
    #[arg(short, visible_short_alias = '?', long, global = true, action = ArgAction::Help,
          help_heading = "About the program")]
    help: Option<bool>,
    /// Print the version.
    #[arg(short, long, global = true, action = ArgAction::Version, help_heading = "About the program")]
    version: Option<bool>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Mine on a simulated network, without a node.
    Demo(DemoArgs),
    /// Run a simulated network with the mining API of a node.
    Simnet(SimnetArgs),
    /// Measure the hash rate of this machine, compared with the blake2 crate.
    Bench(BenchArgs),
    /// Decode block headers and check their proof of work.
    Header(HeaderArgs),
    /// Check whether mining on a node would work, and what to change if not.
    Doctor(DoctorArgs),
    /// Ask a running program whether it is alive: exit code 0 if so, else 1.
    Health(HealthArgs),
    /// Print what a running program does.
    Stats(StatsArgs),
    /// Send one alert of each kind to each receiver, and print the answers.
    Alerts(AlertsArgs),
    /// Print a script for command-line completion in a shell.
    Completions(CompletionsArgs),
    /// Print the manual page.
    Man(ManArgs),
}

/// Returns the command line with all flags in `-h`, for the pages that describe it.
pub fn command() -> clap::Command {
    Cli::command().mut_args(|flag| flag.hide_short_help(false))
}

/// Returns the command line whose help and errors have the colours that `args` ask for.
pub fn coloured(args: &[OsString]) -> clap::Command {
    Cli::command().color(color(args))
}

impl Cli {
    /// The log level of the simulated network: at most `warn` unless it runs alone.
    pub fn simnet_log_level(&self) -> LogLevel {
        match self.command {
            Some(Command::Simnet(_)) => self.log.log_level,
            _ => self.log.log_level.min(LogLevel::Warn),
        }
    }
}

/// Hides a flag in `-h` unless it is essential.
fn shortened(flag: Arg) -> Arg {
    let name = flag.get_long().unwrap_or_default();
    let is_essential = ESSENTIAL.contains(&name);
    flag.hide_short_help(!is_essential)
}

/// Finds `--color` and `--no-color` without parsing, because the parser's own output depends on
/// them.
fn color(args: &[OsString]) -> ColorChoice {
    let words = args.iter().filter_map(|arg| arg.to_str());
    let words: Vec<&str> = words.flat_map(|word| word.split('=')).collect();
    let asked = words.windows(2).rfind(|pair| pair[0] == "--color");
    let is_asked = |when: &str| asked.is_some_and(|pair| pair[1].eq_ignore_ascii_case(when));
    if words.contains(&"--no-color") || is_asked("never") {
        ColorChoice::Never
    } else if is_asked("always") {
        ColorChoice::Always
    } else {
        ColorChoice::Auto
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{ColorChoice, Parser};

    use super::{Cli, ESSENTIAL, EXAMPLES, color, command};

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn the_essential_flags_exist() {
        let command = command();
        for name in ESSENTIAL {
            let mut flags = command.get_arguments();
            assert!(flags.any(|flag| flag.get_long() == Some(name)), "--{name}");
        }
    }

    #[test]
    fn colours_are_found_as_the_parser_reads_them() {
        for (args, expected) in [
            (&["--color", "always"][..], ColorChoice::Always),
            (&["--color=ALWAYS"], ColorChoice::Always),
            (&["--color=always", "--color", "Never"], ColorChoice::Never),
            (&["--color=always", "--no-color"], ColorChoice::Never),
            (&["--color=auto"], ColorChoice::Auto),
            (&[], ColorChoice::Auto),
        ] {
            let args: Vec<_> = args.iter().map(Into::into).collect();
            assert_eq!(color(&args), expected, "{args:?}");
        }
    }

    #[test]
    fn the_examples_are_valid() {
        let lines = EXAMPLES.lines().map(str::trim);
        let examples: Vec<&str> = lines
            .filter(|line| line.starts_with("chainweb-mining-client"))
            .collect();
        assert_eq!(examples.len(), EXAMPLES.matches(":\n    ").count());
        for example in examples {
            if let Err(error) = Cli::try_parse_from(example.split(' ')) {
                panic!("{example}: {error}");
            }
        }
    }

    #[test]
    fn flags_are_in_the_section_with_their_first_word() {
        let command = command();
        let flags: Vec<(&str, String)> = command
            .get_arguments()
            .map(|flag| {
                let section = flag.get_help_heading().expect("each flag is in a section");
                let first = section.split(' ').next().unwrap_or_default();
                let section = first.to_lowercase();
                (flag.get_long().expect("each flag has a long form"), section)
            })
            .collect();
        let named_sections: BTreeSet<&str> = flags
            .iter()
            .map(|(_, section)| section.as_str())
            .filter(|section| {
                let prefix = format!("{section}-");
                flags.iter().any(|(name, _)| name.starts_with(&prefix))
            })
            .collect();
        assert!(named_sections.contains("stratum"), "{named_sections:?}");
        for (name, section) in &flags {
            for named in &named_sections {
                let is_there = section == named;
                // The Haskell client's flags for the node do not begin with it.
                let is_exempt = is_there && *named == "node";
                let starts = name.starts_with(named) || is_exempt;
                assert_eq!(starts, is_there, "--{name} in {section}");
            }
        }
    }
}
