//! The command `man`: the manual of this program, for `man` to show.
//!
//! A page says what the help says, in the order of manuals. It has no date, so that the same program gives the same bytes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

const EXIT_STATUS: &str =
    "0 after a clean end, 64 for wrong flags or a wrong configuration, 1 for any other failure.";

/// Where the manual goes.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Write a page for the program and one for each command into this directory, which is made if need be.
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
}

impl ManArgs {
    /// Writes the page of `program` itself to `out`, or those of its commands too into the directory.
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
    for command in commands.filter(|command| !command.is_hide_set()) {
        write_page(command, dir)?;
    }
    write_page(program, dir)
}

fn write_page(command: &Command, dir: &Path) -> io::Result<()> {
    let (name, page) = page(command)?;
    fs::write(dir.join(name), page)
}

/// The page of a command, and the name of its file.
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

/// As they stand, line by line; the title is that of the section.
fn write_examples(examples: &str, roff: &mut Roff) {
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.lines().skip(1) {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
}
