//! The `header` command: decodes block headers and checks their proof of work and block hash.
//!
//! All headers are decoded before the first is printed. They are checked alone, without their
//! parents and without a node.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod input;
mod report;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};

use self::report::Report;
use crate::usage::UsageError;

/// Decodes block headers and checks their proof of work and block hash.
///
/// Exits with 1 if a header does not meet its target or states a wrong block hash. The first blocks
/// of a network need no proof of work, and most have none.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct HeaderArgs {
    /// A header in hex or base64url, the path of a file of headers, or - for standard input.
    ///
    /// A header may be whole (318 bytes on public networks), without the block hash (286 bytes), or
    /// work as a node sends it (322 bytes). Files and standard input hold one per line in hex or
    /// base64url, or whole headers as raw bytes, one after the other.
    #[arg(required = true, value_name = "HEADER")]
    pub headers: Vec<String>,

    /// Print one JSON object per header, each on a line.
    #[arg(long)]
    pub json: bool,
}

/// The result of the check of all headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// All headers meet their target and have the right block hash or none.
    Sound,
    /// At least one header does not.
    Unsound,
}

impl HeaderArgs {
    /// Decodes all headers and prints them. `stdin` is read if an argument is `-`.
    ///
    /// # Errors
    ///
    /// Returns a [`UsageError`], and prints nothing, if one of the arguments is not a header; or an
    /// error of `out`.
    pub fn run(&self, stdin: &mut impl Read, out: &mut impl Write) -> anyhow::Result<Verdict> {
        let items = input::read(&self.headers, stdin).map_err(UsageError::new)?;
        let mut verdict = Verdict::Sound;
        for (i, item) in items.iter().enumerate() {
            let report = Report::of(item);
            if !report.is_sound() {
                verdict = Verdict::Unsound;
            }
            match self.json {
                true => report.write_json(out)?,
                false if i > 0 => writeln!(out).and_then(|()| report.write_text(out))?,
                false => report.write_text(out)?,
            }
        }
        out.flush()?;
        Ok(verdict)
    }
}
