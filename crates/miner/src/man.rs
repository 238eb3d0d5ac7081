//! The command `man`: the manual of this program, for `man` to show.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;

/// Where the manual goes.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Write a page for the program and one for each command into this directory, which is made if need be.
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
}

impl ManArgs {
    /// Writes the page of `command` itself to `out`, or those of all commands into the directory.
    pub fn write(&self, command: Command, out: &mut impl Write) -> anyhow::Result<()> {
        match &self.dir {
            Some(dir) => pages(command, dir)
                .with_context(|| format!("cannot write the manual into --dir {}", dir.display())),
            None => Ok(page(command, out)?),
        }
    }
}

fn page(command: Command, out: &mut impl Write) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    out.write_all(&page)?;
    out.flush()
}

fn pages(command: Command, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)
}
