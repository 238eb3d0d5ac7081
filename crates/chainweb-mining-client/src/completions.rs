//! The command `completions`: what a shell needs to complete this program's flags.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;

/// For which shell.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that reads the output.
    #[arg(value_enum)]
    pub shell: Shell,
}

impl CompletionsArgs {
    /// Writes the completions of `command`.
    pub fn write(self, mut command: Command, out: &mut impl Write) -> io::Result<()> {
        let name = command.get_name().to_owned();
        // The library panics where its output takes no more; memory always does.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        out.write_all(&script)?;
        out.flush()
    }
}
