//! Passes details of the build to the program. Missing details are left empty and never fail a
//! build.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_COMMIT");
    // A build without the repository, in a container for example, can name the commit.
    let mut commit = variable("SOURCE_COMMIT");
    // Otherwise only a release asks git: a development build would be repeated after each commit.
    if commit.is_none() && variable("PROFILE").as_deref() == Some("release") && is_checkout() {
        commit = git(&["rev-parse", "--short=12", "HEAD"]);
        for name in ["HEAD", "logs/HEAD"] {
            if let Some(path) = git(&["rev-parse", "--git-path", name])
                && Path::new(&path).exists()
            {
                println!("cargo::rerun-if-changed={path}");
            }
        }
    }
    for (name, value) in [
        ("BUILT_COMMIT", commit),
        ("BUILT_TARGET", variable("TARGET")),
        ("BUILT_PROFILE", variable("PROFILE")),
        (
            "BUILT_TARGET_FEATURES",
            variable("CARGO_CFG_TARGET_FEATURE"),
        ),
    ] {
        println!("cargo::rustc-env={name}={}", value.unwrap_or_default());
    }
}

fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    let value = value.lines().next()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whether the enclosing repository is this one, and not another that contains the sources.
fn is_checkout() -> bool {
    git(&["rev-parse", "--show-prefix"]).as_deref() == Some("crates/chainweb-mining-client/")
}

/// Returns the line that git prints, if git and a repository are there.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
