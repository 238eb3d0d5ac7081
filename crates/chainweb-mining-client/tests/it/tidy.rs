//! The house rules that a machine can check: wording, comments, imports, modules, files and links.
//!
//! Each rule is a function from sources to findings. One test applies it to the repository, others
//! prove on a bad snippet that the rule finds what it is for.

mod circles;
mod comments;
mod files;
mod imports;
mod links;
mod modules;
pub(crate) mod source;
mod words;

/// Fails with one line per finding and, at the end, what to do.
#[track_caller]
fn assert_none(findings: &[String], remedy: &str) {
    assert!(
        findings.is_empty(),
        "{} findings:\n{}\n\n{remedy}",
        findings.len(),
        findings.join("\n")
    );
}
