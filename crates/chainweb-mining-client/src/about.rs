//! Texts about the program: its version, its build and its licences.
//!
//! The flags are those of the Haskell client. All texts are known at build time, except for the
//! instruction sets of the machine; no configuration is read.

use std::io::{self, Write};

use clap::Args;
use pow::Kernel;

const NAME: &str = "chainweb-mining-client";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const DESCRIPTION: &str = env!("CARGO_PKG_DESCRIPTION");
const LICENSE: &str = env!("CARGO_PKG_LICENSE");
/// Empty if the build did not know it.
const COMMIT: &str = env!("BUILT_COMMIT");

const MIT: &str = include_str!("../../../LICENSE-MIT");
const APACHE: &str = include_str!("../../../LICENSE-APACHE");

/// The text to print instead of mining.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "About the program")]
pub struct AboutArgs {
    /// Print the version and a short description.
    #[arg(long)]
    pub info: bool,
    /// Print how the program was built and which kernels this machine supports.
    #[arg(long)]
    pub long_info: bool,
    /// Print the licences.
    #[arg(long)]
    pub license: bool,
}

/// A text about the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Version and description.
    Info,
    /// Details of the build.
    LongInfo,
    /// The licences.
    License,
}

impl AboutArgs {
    /// Returns the text to print: one, even if several flags are set.
    pub fn asked(self) -> Option<Text> {
        if self.info {
            Some(Text::Info)
        } else if self.long_info {
            Some(Text::LongInfo)
        } else {
            self.license.then_some(Text::License)
        }
    }
}

impl Text {
    /// Writes the text.
    pub fn write(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Info => write_info(out),
            Self::LongInfo => write_long_info(out),
            Self::License => write_license(out),
        }?;
        out.flush()
    }
}

fn write_info(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{NAME} {VERSION}")?;
    if !COMMIT.is_empty() {
        write!(out, " ({COMMIT})")?;
    }
    writeln!(out, "\n{DESCRIPTION}.")?;
    writeln!(out, "Licence: {LICENSE}; --license prints the texts.")
}

fn write_long_info(out: &mut impl Write) -> io::Result<()> {
    let commit = if COMMIT.is_empty() { "unknown" } else { COMMIT };
    writeln!(out, "{NAME} {VERSION}")?;
    writeln!(out, "{DESCRIPTION}.")?;
    writeln!(out)?;
    let features = env!("BUILT_TARGET_FEATURES").replace(',', " ");
    for (name, value) in [
        ("commit", commit),
        ("target", env!("BUILT_TARGET")),
        ("profile", env!("BUILT_PROFILE")),
        ("instructions", &features),
        ("kernels", &kernels(Kernel::is_available)),
        ("not here", &kernels(|kernel| !kernel.is_available())),
        ("licence", LICENSE),
    ] {
        writeln!(out, "{name:<14}{value}")?;
    }
    Ok(())
}

fn kernels(is_wanted: impl Fn(Kernel) -> bool) -> String {
    let kernels = Kernel::ALL.iter().filter(|kernel| is_wanted(**kernel));
    let names: Vec<&str> = kernels.map(|kernel| kernel.name()).collect();
    names.join(" ")
}

fn write_license(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{NAME} may be used under either of these licences, at your choice.\n"
    )?;
    writeln!(out, "{MIT}\n\n{APACHE}")
}

#[cfg(test)]
mod tests {
    use pow::Kernel;

    use super::{Text, kernels};

    fn text(about: Text) -> String {
        let mut bytes = Vec::new();
        about.write(&mut bytes).expect("memory takes all");
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn the_long_text_names_each_kernel_once_as_available_or_not() {
        let info = text(Text::LongInfo);
        let line = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.expect("the line is there").trim().to_owned()
        };
        let (here, missing) = (line("kernels"), line("not here"));
        for kernel in Kernel::ALL {
            let is_named = |list: &str| list.split(' ').any(|name| name == kernel.name());
            assert_eq!(is_named(&here), kernel.is_available(), "{info}");
            assert_eq!(is_named(&missing), !kernel.is_available(), "{info}");
        }
        assert_eq!(kernels(|_| false), "");
    }
}
