//! The settings in a document.
//!
//! Nested keys are joined: `stratum: {port: 1917}` is `stratumPort: 1917`. Every entry is checked,
//! even after an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalog::Catalog;
use super::document::{self, Entry, Format, Node, Place, Style, Value};
use super::findings::{Findings, Layer};
use super::setting::{Form, Setting};
use super::suggest::quoted_name;

/// Reads the settings of a document. Messages name it by `name`.
pub(crate) fn read(
    catalog: &Catalog,
    layer: Layer,
    name: &str,
    bytes: &[u8],
    format: Option<Format>,
    findings: &mut Findings,
) {
    match document::parse(bytes, format) {
        Ok(Some(entries)) => {
            let mut reader = Reader {
                catalog,
                layer,
                name,
                places: BTreeMap::new(),
                findings,
            };
            reader.section("", &entries);
        }
        Ok(None) => {
            let warning = format!("{name}: contains no settings");
            findings.warnings.push(warning);
        }
        Err(error) => match error.place {
            Some(place) => findings.problem(format_args!("{name}:{place}"), error.what),
            None => findings.problem(name, error.what),
        },
    }
}

struct Reader<'a> {
    catalog: &'a Catalog,
    layer: Layer,
    name: &'a str,
    /// Where each setting is set, by its flag.
    places: BTreeMap<String, Place>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn section(&mut self, path: &str, entries: &[Entry]) {
        for entry in entries {
            let key = match path {
                "" => entry.key.clone(),
                _ => format!("{path}.{}", entry.key),
            };
            let setting = self.catalog.by_key(&key);
            let is_section = self.catalog.is_section(&key);
            match (&entry.node.value, setting) {
                (Value::Map(entries), setting)
                    if is_section && setting.is_none_or(|setting| setting.form != Form::Map) =>
                {
                    self.section(&key, entries);
                }
                (_, Some(setting)) => self.setting(setting, &key, entry),
                (Value::Null, None) if is_section => {}
                (value, None) if is_section => {
                    let what = format!("expected a section of settings, got {value}");
                    self.problem(entry.place, &key, &what);
                }
                (_, None) => {
                    let what = match self.catalog.nearest_key(&key) {
                        Some(nearest) => format!("unknown setting; did you mean {nearest}?"),
                        None => "unknown setting; --print-config lists all".to_owned(),
                    };
                    self.problem(entry.place, &key, &what);
                }
            }
        }
    }

    fn setting(&mut self, setting: &Arc<Setting>, key: &str, entry: &Entry) {
        if let Some(first) = self.places.insert(setting.flag.clone(), entry.place) {
            self.problem(entry.place, key, &format!("already set at {first}"));
            return;
        }
        match values(setting, &entry.node) {
            Ok(values) => {
                let source = self.source(entry.place, key);
                self.findings.assign(self.layer, setting, values, source);
            }
            Err(problems) => {
                for (place, what) in problems {
                    self.problem(place, key, &what);
                }
            }
        }
    }

    fn problem(&mut self, place: Place, key: &str, what: &str) {
        self.findings.problem(self.source(place, key), what);
    }

    fn source(&self, place: Place, key: &str) -> String {
        format!("{}:{place}: {}", self.name, quoted_name(key))
    }
}

/// The values to which a node sets a setting; none for the default.
///
/// # Errors
/// Returns every error in the node, with its place.
pub(crate) fn values(setting: &Setting, node: &Node) -> Result<Vec<String>, Vec<(Place, String)>> {
    let checked = match (setting.form, &node.value) {
        (_, Value::Null) => Vec::new(),
        (Form::Switch, value) => vec![switch(value).map_err(|what| (node.place, what))],
        (Form::List | Form::Map, Value::List(items)) => {
            items.iter().map(|item| single(setting, item)).collect()
        }
        (Form::Map, Value::Map(entries)) => pairs(setting, entries),
        _ => vec![single(setting, node)],
    };
    let mut problems = Vec::new();
    let values = checked.into_iter();
    let values = values.filter_map(|value| value.map_err(|problem| problems.push(problem)).ok());
    let values = values.collect();
    if problems.is_empty() {
        Ok(values)
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
            value => Err((
                node.place,
                format!("{name}: expected one value, got {value}"),
            )),
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
