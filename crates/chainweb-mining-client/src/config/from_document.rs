//! The settings in a document.
//!
//! Nested keys are joined: `stratum: {port: 1917}` is `stratumPort: 1917`. Every entry is checked,
//! even after an error.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Catalog;
use super::document::{self, Document, DocumentError, Entry, Node, Place, Value};
use super::findings::{Findings, Layer};
use super::record;
use super::scalar::{single, switch};
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
            Value::Map(entries)
                if catalog.is_section(&key)
                    && !is_map
                    && !setting.is_some_and(|setting| record::is_record(setting, entries)) =>
            {
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
            let values = items.iter().flat_map(|item| match &item.value {
                Value::Map(entries) => record::value(setting, item.place, entries),
                _ => vec![single(setting, item)],
            });
            values.collect()
        }
        (Form::Map, Value::Map(entries)) => pairs(setting, entries),
        (Form::List, Value::Map(entries)) => record::value(setting, node.place, entries),
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
