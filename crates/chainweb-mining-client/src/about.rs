//! Texts about the program: its version, its build and its licences.
//!
//! The flags are those of the Haskell client. All texts are known at build time, except for the
//! instruction sets of the machine; no configuration is read.

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

impl AboutArgs {
    /// Returns the text to print: one, even if several flags are set.
    pub fn text(self) -> Option<String> {
        if self.info {
            Some(info())
        } else if self.long_info {
            Some(long_info())
        } else {
            self.license.then(license)
        }
    }
}

/// Returns version and description.
fn info() -> String {
    let commit = match COMMIT {
        "" => String::new(),
        commit => format!(" ({commit})"),
    };
    format!(
        "{NAME} {VERSION}{commit}\n{DESCRIPTION}.\n\
         Licence: {LICENSE}; --license prints the texts.\n"
    )
}

/// Returns the details of the build.
fn long_info() -> String {
    let commit = if COMMIT.is_empty() { "unknown" } else { COMMIT };
    let features = env!("BUILT_TARGET_FEATURES").replace(',', " ");
    let lines = [
        ("commit", commit),
        ("target", env!("BUILT_TARGET")),
        ("profile", env!("BUILT_PROFILE")),
        ("instructions", &features),
        ("kernels", &kernels(Kernel::is_available)),
        ("not here", &kernels(|kernel| !kernel.is_available())),
        ("licence", LICENSE),
    ]
    .map(|(name, value)| format!("{name:<14}{value}\n"));
    format!("{NAME} {VERSION}\n{DESCRIPTION}.\n\n{}", lines.concat())
}

/// Returns the licences.
fn license() -> String {
    format!(
        "{NAME} may be used under either of these licences, at your choice.\n\n\
         {MIT}\n\n{APACHE}\n"
    )
}

fn kernels(is_wanted: impl Fn(Kernel) -> bool) -> String {
    let kernels = Kernel::ALL.iter().filter(|kernel| is_wanted(**kernel));
    let names: Vec<&str> = kernels.map(|kernel| kernel.name()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use pow::Kernel;

    use super::{kernels, long_info};

    #[test]
    fn the_long_text_names_each_kernel_once_as_available_or_not() {
        let info = long_info();
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
