//! The command `completions`: a script with which a shell completes the flags of this program.

use std::io::{self, Write};

use clap::{Args, Command};
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
    pub fn write(self, mut command: Command, out: &mut impl Write) -> io::Result<()> {
        let name = command.get_name().to_owned();
        // The library panics if a write fails, which a write to memory does not.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        out.write_all(&script)?;
        out.flush()
    }
}
