//! Links between pages: the file and the heading that a link names exist.

use std::path::Path;

use super::assert_none;
use super::source::{Source, repository};

fn findings(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let pages = sources.iter().filter(|source| source.is_page());
    for page in pages {
        for (line, text) in (1..).zip(page.text.lines()) {
            for link in text.split("](").skip(1) {
                let link = link.split(')').next().unwrap_or_default();
                if !link.contains("://") && !leads_somewhere(page, link, sources) {
                    let place = page.place(line);
                    findings.push(format!("{place}: nothing is at `{link}`"));
                }
            }
        }
    }
    findings
}

fn leads_somewhere(page: &Source, link: &str, sources: &[Source]) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = match path {
        "" => page.path.clone(),
        path => beside(&page.path, path),
    };
    let Some(target) = sources.iter().find(|source| source.path == path) else {
        // A picture, or a folder.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        return heading.is_empty() && root.join(path).exists();
    };
    let mut headings = target.text.lines().filter(|line| line.starts_with('#'));
    heading.is_empty() || headings.any(|line| anchor(line) == heading)
}

/// The path of a link in the page at `page`.
fn beside(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// The anchor that is made of a heading: lower case, `-` for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    assert_none(
        &findings(&repository()),
        "Correct the link; a heading's anchor is in lower case, with `-` for spaces.",
    );
}

#[test]
fn a_link_to_nothing_is_found() {
    let sources = [
        Source::new(
            "README.md",
            "[a](docs/a.md#one-two) [b](docs/b.md) [c](#lost)\n",
        ),
        Source::new(
            "docs/a.md",
            "# One, `two`\n[up](../README.md) [web](https://example.org)\n",
        ),
    ];
    assert_eq!(
        findings(&sources),
        [
            "README.md:1: nothing is at `docs/b.md`",
            "README.md:1: nothing is at `#lost`",
        ]
    );
}
