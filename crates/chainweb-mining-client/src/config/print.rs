//! The settings as YAML, which a file of settings may consist of.
//!
//! The keys of the Haskell client come first, all keys are flat, and a text is quoted where YAML
//! could read it as something else. The variables of a command and some URLs may be secret: only a
//! comment names them.

use clap::ValueEnum;

use super::catalog::Catalog;
use super::findings::Assignment;
use super::setting::{Form, Setting};
use super::suggest::host;

/// Which settings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrintAs {
    /// All settings.
    Full,
    /// Only settings that differ from their defaults.
    Minimal,
    /// All settings, with the differences from the defaults marked.
    Diff,
}

/// Prints the settings with these assignments.
pub(crate) fn print(catalog: &Catalog, resolved: &[Assignment], print_as: PrintAs) -> String {
    let mut text = String::new();
    if print_as == PrintAs::Diff {
        text.push_str("--- default\n+++ actual\n");
    }
    for setting in catalog.in_files() {
        let default = entry(setting, &setting.defaults());
        let mut resolved = resolved.iter();
        let actual = match resolved.find(|set| set.setting.flag == setting.flag) {
            Some(set) if !set.values.is_empty() => entry(setting, &set.values),
            _ => default.clone(),
        };
        text += &match print_as {
            PrintAs::Minimal if actual == default => String::new(),
            PrintAs::Full | PrintAs::Minimal => actual,
            PrintAs::Diff if actual == default => marked(' ', &actual),
            PrintAs::Diff => marked('-', &default) + &marked('+', &actual),
        };
    }
    if text.is_empty() {
        // A map without entries; an empty document would be a warning.
        text.push_str("{}\n");
    }
    text
}

fn marked(mark: char, lines: &str) -> String {
    let lines = lines.lines().map(|line| format!("{mark}{line}\n"));
    lines.collect()
}

/// Returns the lines of one setting.
fn entry(setting: &Setting, values: &[String]) -> String {
    let key = &setting.key;
    let scalar = |text: &String| {
        if setting.form == Form::Switch || (!setting.is_text() && is_plain(text)) {
            text.clone()
        } else {
            quoted(text)
        }
    };
    match values {
        [] => format!("{key}: null\n"),
        pairs if setting.form == Form::Map && setting.is_of_command() => {
            let names: Vec<&str> = pairs
                .iter()
                .filter_map(|pair| pair.split('=').next())
                .collect();
            format!("{key}: null # values not printed: {}\n", names.join(", "))
        }
        urls if setting.is_secret_url() => {
            let hosts: Vec<_> = urls.iter().map(|url| host(url)).collect();
            format!("{key}: null # values not printed: {}\n", hosts.join(", "))
        }
        [text] => format!("{key}: {}\n", scalar(text)),
        texts => {
            let items: Vec<String> = texts.iter().map(scalar).collect();
            format!("{key}:\n  - {}\n", items.join("\n  - "))
        }
    }
}

/// Words that are not text in YAML.
const RESERVED: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// Whether YAML reads a text without quotes as it is: a number or a word.
fn is_plain(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'));
    let is_reserved = RESERVED.contains(&&*text.to_ascii_lowercase());
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-./_".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    is_number || (starts && text.chars().all(is_word) && !is_reserved)
}

/// Returns a text in double quotes, which YAML and JSON read alike.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() || "\u{feff}\u{2028}\u{2029}\u{fffe}\u{ffff}".contains(c) => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
