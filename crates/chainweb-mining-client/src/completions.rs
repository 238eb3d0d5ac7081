//! The command `completions`: a script with which a shell completes the flags of this program.

use std::io::{self, Write};

use chainweb::ChainGraph;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command};
use clap_complete::Shell;

/// The shell.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// Shell to complete in.
    #[arg(value_enum)]
    pub shell: Shell,
}

impl CompletionsArgs {
    /// Writes the completions of `command`.
    pub fn write(self, command: Command, out: &mut impl Write) -> io::Result<()> {
        let commands: Vec<String> = command
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        let mut command = commands
            .into_iter()
            .fold(command.mut_args(with_values), |command, name| {
                command.mut_subcommand(name, |command| command.mut_args(with_values))
            });
        let name = command.get_name().to_owned();
        // The library panics if a write fails, which a write to memory does not.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        let script = String::from_utf8_lossy(&script);
        let script = match self.shell {
            // The library names a function in two ways if the program's name has hyphens.
            Shell::Bash => script.replace(
                "chainweb__subcmd__mining__subcmd__client",
                "chainweb__mining__client",
            ),
            // A question mark is a wildcard, and a flag without its value yet is no error.
            Shell::Fish => script
                .replace(" -s ? ", " -s '?' ")
                .replace("    or return\n", "    or return 0\n"),
            _ => script.into_owned(),
        };
        out.write_all(script.as_bytes())?;
        out.flush()
    }
}

/// Adds the values of flags whose parsers accept others too, so that a shell can suggest them.
fn with_values(arg: Arg) -> Arg {
    let values: &[&str] = match arg.get_long() {
        Some("graph") => &ChainGraph::NAMES,
        Some("preemption") => &["immediate", "batch-complete", "delayed:2s", "conditional"],
        Some("stratum-proxy-protocol") => &["off", "accept", "require"],
        Some("stratum-difficulty") => &["auto", "auto:5", "block"],
        _ => return arg,
    };
    arg.value_parser(PossibleValuesParser::new(values))
}
