//! Words that do not belong in this project's texts and names.

use super::assert_none;
use super::source::{Source, repository};

/// A phrase and what to write in its place. A phrase is found across line ends, comment markers and
/// the underscores of names.
const BANNED: [(&str, &str); 21] = [
    ("whoever", "the caller, the device or the reader"),
    ("whomever", "the caller, the device or the reader"),
    ("whichever", "the thing by its name"),
    ("nobody", "no caller, no device, nothing"),
    ("somebody", "the caller, the device or the user"),
    ("anew", "again; \"reset\" for a network"),
    ("hand in", "submit"),
    ("hands in", "submits"),
    ("handed in", "submitted"),
    ("handing in", "submitting"),
    ("is told", "receives, knows, or an active verb"),
    ("are told", "receive, know, or an active verb"),
    ("was told", "received, or an active verb"),
    ("were told", "received, or an active verb"),
    ("be told", "receive, know, or an active verb"),
    ("been told", "received, or an active verb"),
    ("its affair", "the part that decides"),
    ("worth nothing", "stale, useless"),
    ("mistake", "error"),
    ("mistakes", "errors"),
    ("mistaken", "wrong"),
];

/// What ends a sentence or a clause: no phrase goes across it.
const BREAK: &str = ".";

fn findings(source: &Source) -> Vec<String> {
    let text = source.text.to_lowercase();
    // The change log quotes old names.
    let words = words(&text, source.path == "CHANGELOG.md");
    let phrases = BANNED.map(|(phrase, _)| phrase.split(' ').collect::<Vec<_>>());
    let mut findings = Vec::new();
    for (at, (first, line)) in words.iter().enumerate() {
        let found = phrases.iter().position(|phrase| {
            phrase[0] == *first
                && phrase
                    .iter()
                    .eq(words[at..].iter().map(|(word, _)| word).take(phrase.len()))
        });
        if let Some(found) = found {
            let (phrase, instead) = BANNED[found];
            let place = source.place(*line);
            findings.push(format!("{place}: \"{phrase}\", better: {instead}"));
        }
    }
    findings
}

/// The words of a text, each with its line, and a [`BREAK`] after each sentence and clause.
fn words(text: &str, skips_code_spans: bool) -> Vec<(&str, usize)> {
    let mut words = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        for (nth, span) in text.split('`').enumerate() {
            if skips_code_spans && nth % 2 == 1 {
                continue;
            }
            for part in span.split_inclusive(|c: char| !c.is_alphanumeric()) {
                let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
                if !word.is_empty() {
                    words.push((word, line));
                }
                if part.ends_with(['.', ':', ';', '(', ')', '"']) {
                    words.push((BREAK, line));
                }
            }
        }
    }
    words
}

#[test]
fn no_banned_word_stands_in_any_text() {
    let sources = repository();
    let may_name_them = ["tidy/words.rs", "scripts/measure"];
    let checked = sources
        .iter()
        .filter(|source| !may_name_them.iter().any(|end| source.path.ends_with(end)));
    let findings: Vec<_> = checked.flat_map(findings).collect();
    assert_none(
        &findings,
        "Rewrite the sentence; CONTRIBUTING.md says how texts look.",
    );
}

#[test]
fn a_banned_word_is_found_with_its_line() {
    let source = Source::new(
        "a.rs",
        "//! Fine.\n/// Submits what whoever asks for.\nfn a() {}\n",
    );
    assert_eq!(
        findings(&source),
        ["a.rs:2: \"whoever\", better: the caller, the device or the reader"]
    );
}

#[test]
fn a_banned_phrase_is_found_across_lines_and_in_names() {
    let source = Source::new("a.rs", "/// The work was\n    /// told.\nfn hand_in() {}\n");
    let found = findings(&source);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("a.rs:1: \"was told\""), "{found:?}");
    assert!(found[1].starts_with("a.rs:3: \"hand in\""), "{found:?}");
}

#[test]
fn a_phrase_ends_with_its_sentence_and_the_change_log_may_quote() {
    let sentences = Source::new("a.md", "The second hand. In time: a foretold end.\n");
    let quote = Source::new("CHANGELOG.md", "- `handed_in` is now `submitted`\n");
    assert_eq!(findings(&sentences), Vec::<String>::new());
    assert_eq!(findings(&quote), Vec::<String>::new());
}
