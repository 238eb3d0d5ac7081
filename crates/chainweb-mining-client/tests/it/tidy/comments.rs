//! The width of comments, which rustfmt leaves alone.

use super::assert_none;
use super::source::{Source, repository};

/// As wide as rustfmt makes code.
const COLUMNS: usize = 100;

fn findings(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(source.text.lines()) {
        let width = text.chars().count();
        if text.trim_start().starts_with("//") && width > COLUMNS && !is_one_link(text) {
            let place = source.place(line);
            findings.push(format!("{place}: a comment of {width} columns"));
        }
    }
    findings
}

/// Whether a comment holds nothing but a link, which cannot wrap.
fn is_one_link(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches(['/', '!']).trim();
    text.contains("https://") && !text.contains(' ')
}

#[test]
fn comments_wrap_at_a_hundred_columns() {
    let sources = repository();
    let checked = sources.iter().filter(|source| source.is_rust());
    let findings: Vec<_> = checked.flat_map(findings).collect();
    assert_none(
        &findings,
        "Wrap each comment at 100 columns, its indent included.",
    );
}

#[test]
fn a_wide_comment_is_found_and_wide_code_is_not() {
    let wide = "x".repeat(100);
    let text = format!(
        "// {wide}\n    /// Ünïcödé\nlet a = \"{wide}\";\n//! {}\n",
        "y".repeat(96)
    );
    assert_eq!(
        findings(&Source::new("a.rs", &text)),
        ["a.rs:1: a comment of 103 columns"]
    );
}

#[test]
fn a_link_alone_may_be_wide() {
    let text = format!("/// <https://example.org/{}>\n", "x".repeat(100));
    assert_eq!(findings(&Source::new("a.rs", &text)), Vec::<String>::new());
}
