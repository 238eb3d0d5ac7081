//! The settings in a document.
//!
//! Nested keys are joined: `stratum: {port: 1917}` is `stratumPort: 1917`. Every entry is checked,
//! even after an error.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Catalog;
use super::document::{self, Document, DocumentError, Entry, Node, Place, Style, Value};
use super::findings::{Findings, Layer};
use super::setting::{Form, Setting};
use super::suggest::{hint, quoted_name};

/// Reads the settings of a document. Messages call it `name`.
pub(crate) fn read(
    catalog: &Catalog,
    (layer, name): (Layer, &str),
    (bytes, format): Document,
    findings: &mut Findings,
) {
    let entries = match document::parse(&bytes, format) {
        Ok(Some(entries)) => entries,
        Ok(None) => {
            let warning = format!("{name}: contains no settings");
            return findings.warnings.push(warning);
        }
        Err(DocumentError { place, what }) => {
            let place = place.map_or(String::new(), |place| format!(":{place}"));
            return findings.problems.push(format!("{name}{place}: {what}"));
        }
    };
    let mut places = BTreeMap::new();
    for (key, entry) in flattened(catalog, "", &entries) {
        let source = |place| format!("{name}:{place}: {}", quoted_name(&key));
        let setting = catalog.by_key(&key);
        let first = setting.and_then(|setting| places.insert(&setting.flag, entry.place));
        let problem = match (setting, first) {
            (Some(setting), None) => {
                let values = values(setting, &entry.node, source);
                findings.record(layer, setting, source(entry.place), values);
                continue;
            }
            (Some(_), Some(first)) => format!("already set at {first}"),
            (None, _) if catalog.is_section(&key) => {
                format!("expected a section of settings, got {}", entry.node.value)
            }
            (None, _) => {
                let hint = hint(catalog.nearest_key(&key), "; --print-config lists all");
                format!("unknown setting{hint}")
            }
        };
        let problem = format!("{}: {problem}", source(entry.place));
        findings.problems.push(problem);
    }
}

/// Returns the entries of a document and of its sections with joined keys, without empty sections.
fn flattened<'a>(catalog: &Catalog, path: &str, entries: &'a [Entry]) -> Vec<(String, &'a Entry)> {
    let mut flat = Vec::new();
    for entry in entries {
        let key = match path {
            "" => entry.key.clone(),
            _ => format!("{path}.{}", entry.key),
        };
        let setting = catalog.by_key(&key);
        let is_map = setting.is_some_and(|setting| setting.form == Form::Map);
        match &entry.node.value {
            Value::Map(entries) if catalog.is_section(&key) && !is_map => {
                flat.extend(flattened(catalog, &key, entries));
            }
            Value::Null if catalog.is_section(&key) && setting.is_none() => {}
            _ => flat.push((key, entry)),
        }
    }
    flat
}

/// The values to which a node sets a setting; none for the default.
///
/// # Errors
/// Returns every error in the node. `source` turns a place into the text before the error.
pub(crate) fn values(
    setting: &Setting,
    node: &Node,
    source: impl Fn(Place) -> String,
) -> Result<Vec<String>, Vec<String>> {
    let checked = match (setting.form, &node.value) {
        (_, Value::Null) => Vec::new(),
        (Form::Switch, value) => vec![switch(value).map_err(|what| (node.place, what))],
        (Form::List | Form::Map, Value::List(items)) => {
            items.iter().map(|item| single(setting, item)).collect()
        }
        (Form::Map, Value::Map(entries)) => pairs(setting, entries),
        _ => vec![single(setting, node)],
    };
    let problems = checked.iter().filter_map(|value| value.as_ref().err());
    let problems = problems.map(|(place, what)| format!("{}: {what}", source(*place)));
    let problems: Vec<String> = problems.collect();
    if problems.is_empty() {
        Ok(checked.into_iter().flatten().collect())
    } else {
        Err(problems)
    }
}

/// The entries of a map as `KEY=VALUE`.
fn pairs(setting: &Setting, entries: &[Entry]) -> Vec<Result<String, (Place, String)>> {
    let mut keys = BTreeSet::new();
    let pairs = entries.iter().map(|Entry { key, place, node }| {
        let name = quoted_name(key);
        match &node.value {
            _ if !keys.insert(key) => Err((*place, format!("{name}: appears twice"))),
            Value::Scalar(text, _) => setting
                .check(&format!("{key}={text}"))
                .map_err(|what| (*place, what)),
            value => {
                let what = format!("{name}: expected one value, got {value}");
                Err((node.place, what))
            }
        }
    });
    pairs.collect()
}

fn single(setting: &Setting, node: &Node) -> Result<String, (Place, String)> {
    let checked = match &node.value {
        Value::Scalar(text, Style::Plain) if text == "true" || text == "false" => Err(format!(
            "expected text or a number, got {text}; quote it if it is meant as text"
        )),
        Value::Scalar(text, Style::Plain) if !setting.is_text() => {
            let checked = setting.check(text);
            // The Haskell client accepts whole numbers with a fraction or an exponent.
            match whole(text).filter(|_| checked.is_err()) {
                Some(whole) => setting.check(&whole).or(checked),
                None => checked,
            }
        }
        Value::Scalar(text, _) => setting.check(text),
        value => Err(format!("expected one value, got {value}")),
    };
    checked.map_err(|what| (node.place, what))
}

/// The digits of a number, if it is whole and a double holds it exactly.
fn whole(text: &str) -> Option<String> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then(|| format!("{number:.0}"))
}

/// The value of a switch, in the spellings of YAML and of environments.
fn switch(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Scalar(text, _) => text.to_ascii_lowercase(),
        _ => String::new(),
    };
    match text.as_str() {
        "true" | "yes" | "on" | "y" | "1" => Ok("true".to_owned()),
        "false" | "no" | "off" | "n" | "0" => Ok("false".to_owned()),
        _ => Err(format!("expected true or false, got {value}")),
    }
}
