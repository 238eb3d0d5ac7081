//! The subcommand `header`: says what is in block headers, and whether they are sound.
//!
//! Headers come as arguments, files or standard input in any form that the network or its tools use, are decoded all
//! before the first is printed, and are checked against themselves alone: proof of work and block hash. What a header
//! ought to hold given its parents is not looked at, and no node is asked.

mod input;
mod report;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

pub use input::{InputError, Origin};

use report::Report;

/// Decodes block headers and checks their proof of work and block hash.
///
/// Exits with 1 if a header does not meet its target or states another block hash than its fields give. The first
/// blocks of a network need no proof of work and mostly show none.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct HeaderArgs {
    /// A header in hex or base64url, the path of a file of headers, or - for standard input.
    ///
    /// A header may be whole (318 bytes on public networks), without the block hash (286 bytes) or work as a node
    /// hands it out (322 bytes). Files and standard input hold one in hex or base64url per line, or whole headers as
    /// raw bytes one after the other.
    #[arg(required = true, value_name = "HEADER")]
    pub headers: Vec<String>,

    /// Prints one JSON object per header and line.
    #[arg(long)]
    pub json: bool,
}

/// How headers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A block of lines for each.
    Text,
    /// A JSON object in a line for each.
    Json,
}

/// What became of the check of all headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Each meets its target, and its block hash is right, if it has one.
    Sound,
    /// At least one does not.
    Unsound,
}

/// Why headers could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum HeaderCommandError {
    /// What was given is no header.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The output does not take any more.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

impl HeaderArgs {
    /// Runs the subcommand. `stdin` is read if an argument is `-`.
    pub fn run(
        &self,
        stdin: &mut impl Read,
        out: &mut impl Write,
    ) -> Result<Verdict, HeaderCommandError> {
        let format = if self.json {
            Format::Json
        } else {
            Format::Text
        };
        run(&self.headers, format, stdin, out)
    }
}

/// Prints the headers that the arguments `inputs` stand for, or nothing if one of them is none.
pub fn run(
    inputs: &[String],
    format: Format,
    stdin: &mut impl Read,
    out: &mut impl Write,
) -> Result<Verdict, HeaderCommandError> {
    let items = input::read(inputs, stdin)?;
    let mut verdict = Verdict::Sound;
    for (i, item) in items.iter().enumerate() {
        let report = Report::of(item);
        if !report.is_sound() {
            verdict = Verdict::Unsound;
        }
        match format {
            Format::Text if i > 0 => writeln!(out).and_then(|()| report.write_text(out)),
            Format::Text => report.write_text(out),
            Format::Json => report.write_json(out),
        }
        .map_err(HeaderCommandError::Output)?;
    }
    out.flush().map_err(HeaderCommandError::Output)?;
    Ok(verdict)
}
