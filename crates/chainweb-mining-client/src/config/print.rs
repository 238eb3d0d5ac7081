//! The configuration as a document that says the same when it is read.
//!
//! The Haskell client's keys come first, all keys are flat, and what is text is in quotes where YAML could take it for
//! something else.

use std::fmt::Write;

use clap::ValueEnum;

use super::assignment::{Given, Winners};
use super::catalog::{Catalog, Form};

/// How much of the configuration is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrintAs {
    /// Every setting.
    Full,
    /// What differs from the defaults.
    Minimal,
    /// Every setting, what differs marked with its default.
    Diff,
}

/// Prints what counts in the end.
pub(crate) fn print(catalog: &Catalog, winners: &Winners, print_as: PrintAs) -> String {
    let mut text = String::new();
    if print_as == PrintAs::Diff {
        text.push_str("--- default\n+++ actual\n");
    }
    for setting in catalog.in_files() {
        let default = entry(catalog, setting, &default(catalog, setting));
        let actual = entry(catalog, setting, &actual(catalog, setting, winners));
        match print_as {
            PrintAs::Minimal if actual == default => {}
            PrintAs::Full | PrintAs::Minimal => text.push_str(&actual),
            PrintAs::Diff if actual == default => mark(&mut text, ' ', &actual),
            PrintAs::Diff => {
                mark(&mut text, '-', &default);
                mark(&mut text, '+', &actual);
            }
        }
    }
    if text.is_empty() {
        // A document with no entries is written as such.
        text.push_str("{}\n");
    }
    text
}

fn mark(text: &mut String, mark: char, lines: &str) {
    for line in lines.lines() {
        writeln!(text, "{mark}{line}").expect("a string takes any text");
    }
}

/// The value of a setting that nothing sets.
fn default(catalog: &Catalog, setting: usize) -> Given {
    if let Form::Switch { .. } = catalog.setting(setting).form {
        return Given::Switch(false);
    }
    match catalog.defaults(setting) {
        defaults if defaults.is_empty() => Given::Default,
        defaults => Given::Texts(defaults),
    }
}

fn actual(catalog: &Catalog, setting: usize, winners: &Winners) -> Given {
    let mut gathered = Vec::new();
    for winner in winners.of(setting) {
        match &winner.value {
            Given::Texts(texts) => gathered.extend(texts.iter().cloned()),
            Given::Switch(truth) => return Given::Switch(*truth),
            Given::Default => {}
        }
    }
    if gathered.is_empty() {
        default(catalog, setting)
    } else {
        Given::Texts(gathered)
    }
}

/// The lines of one setting.
fn entry(catalog: &Catalog, setting: usize, value: &Given) -> String {
    let key = &catalog.setting(setting).key;
    let scalar = |text: &String| {
        if catalog.is_text(setting) {
            quoted(text)
        } else {
            scalar(text)
        }
    };
    match value {
        Given::Default => format!("{key}: null\n"),
        Given::Switch(truth) => format!("{key}: {truth}\n"),
        Given::Texts(texts) => match texts.as_slice() {
            [text] => format!("{key}: {}\n", scalar(text)),
            texts => {
                let items: Vec<String> = texts.iter().map(scalar).collect();
                format!("{key}:\n  - {}\n", items.join("\n  - "))
            }
        },
    }
}

/// A text in the plainest form that YAML reads as it is.
fn scalar(text: &str) -> String {
    let is_number = {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
    };
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-./_".contains(c))
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_number || is_word {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A text in double quotes, which YAML and JSON read alike.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("a string takes any text");
            }
            c if c.is_control() => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("a string takes any text");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
