//! The command `man`: the manual pages of this program.
//!
//! A page contains the help in the order of manuals. It has no date, so the same program always
//! prints the same bytes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

const EXIT_STATUS: &str =
    "0 after a clean end, 64 for errors in flags or the configuration, 1 for any other error.";

/// Where the manual is written.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Write a page for the program and for each command into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
}

impl ManArgs {
    /// Writes the page of `program` to `out`, or all pages into the directory.
    ///
    /// # Errors
    /// Returns an error if a page cannot be written.
    pub fn write(&self, mut program: Command, out: &mut impl Write) -> anyhow::Result<()> {
        program.build();
        let Some(dir) = &self.dir else {
            let (_, page) = page(&program)?;
            out.write_all(&page)?;
            out.flush()?;
            return Ok(());
        };
        write_pages(&program, dir)
            .with_context(|| format!("cannot write the manual into --dir {}", dir.display()))
    }
}

fn write_pages(program: &Command, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let commands = program.get_subcommands();
    for command in commands.filter(|command| command.get_name() != "help") {
        write_page(command, dir)?;
    }
    write_page(program, dir)
}

fn write_page(command: &Command, dir: &Path) -> io::Result<()> {
    let (name, page) = page(command)?;
    fs::write(dir.join(name), page)
}

/// Returns the file name and the page of a command.
fn page(command: &Command) -> io::Result<(String, Vec<u8>)> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut end = Roff::new();
    end.control("SH", ["EXIT STATUS"])
        .text([roman(EXIT_STATUS)]);
    if let Some(examples) = command.get_after_long_help() {
        write_examples(&examples.to_string(), &mut end);
    }
    end.to_writer(&mut page)?;
    Ok((man.get_filename(), page))
}

/// Writes the examples line by line, without their title.
fn write_examples(examples: &str, roff: &mut Roff) {
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.lines().skip(1) {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
}
