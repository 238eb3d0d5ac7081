//! A document as a layer of settings.
//!
//! One rule for all keys: nested keys are joined, so that `stratum: {port: 1917}` is `stratumPort: 1917`. Every entry is
//! judged, whatever is wrong with the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assignment::{Assignment, Given, Mistake, Source};
use super::catalog::{Catalog, Form};
use super::document::{Entry, Node, Place, Quoted, Style, Value};
use super::spelling::told;

/// What a source says, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) mistakes: Vec<Mistake>,
    /// What need not be a mistake.
    pub(crate) warnings: Vec<String>,
}

/// Reads the entries of the document of this name.
pub(crate) fn read(catalog: &Catalog, name: &Arc<str>, entries: &[Entry]) -> Items {
    let mut reader = Reader {
        catalog,
        name: Arc::clone(name),
        places: BTreeMap::new(),
        items: Items::default(),
    };
    reader.section("", entries);
    reader.items
}

struct Reader<'a> {
    catalog: &'a Catalog,
    name: Arc<str>,
    /// Where each setting was set.
    places: BTreeMap<usize, Place>,
    items: Items,
}

impl Reader<'_> {
    fn section(&mut self, path: &str, entries: &[Entry]) {
        for entry in entries {
            let key = match path {
                "" => entry.key.clone(),
                _ => format!("{path}.{}", entry.key),
            };
            let setting = self.catalog.by_key(&key);
            let is_map = |at| self.catalog.setting(at).form == Form::Map;
            let is_section = self.catalog.is_section(&key);
            match (&entry.node.value, setting) {
                (Value::Map(entries), _) if is_section && !setting.is_some_and(is_map) => {
                    self.section(&key, entries);
                }
                (_, Some(setting)) => self.setting(setting, &key, entry),
                (Value::Null, None) if is_section => {}
                (value, None) if is_section => {
                    let what = format!("expected a section of settings, got {value}");
                    self.mistake(entry.place, &key, what);
                }
                (_, None) => self.unknown(&key, entry.place),
            }
        }
    }

    fn setting(&mut self, setting: usize, key: &str, entry: &Entry) {
        if let Some(Place { line, column }) = self.places.insert(setting, entry.place) {
            let what = format!("is set twice; the first time at {line}:{column}");
            self.mistake(entry.place, key, what);
            return;
        }
        match given(self.catalog, setting, &entry.node) {
            Ok(value) => self.items.assignments.push(Assignment {
                setting,
                value,
                source: Source::Key(Arc::clone(&self.name), entry.place, told(key)),
            }),
            Err(wrong) => {
                for (place, what) in wrong {
                    self.mistake(place, key, what);
                }
            }
        }
    }

    fn unknown(&mut self, key: &str, place: Place) {
        let what = match self.catalog.nearest_key(key) {
            Some(nearest) => format!("there is no such setting; did you mean {nearest}?"),
            None => "there is no such setting; --print-config lists all".to_owned(),
        };
        self.mistake(place, key, what);
    }

    fn mistake(&mut self, place: Place, key: &str, what: String) {
        self.items.mistakes.push(Mistake {
            source: Source::Key(Arc::clone(&self.name), place, told(key)),
            what,
        });
    }
}

/// What a value sets a setting to, or all that is wrong with it.
pub(crate) fn given(
    catalog: &Catalog,
    setting: usize,
    node: &Node,
) -> Result<Given, Vec<(Place, String)>> {
    let here = |what| vec![(node.place, what)];
    let form = &catalog.setting(setting).form;
    match (form, &node.value) {
        (_, Value::Null) => Ok(Given::Default),
        (Form::Switch { .. }, Value::Scalar(text, _)) => {
            truth(text).map(Given::Switch).map_err(here)
        }
        (Form::Switch { .. }, value) => Err(here(format!("expected true or false, got {value}"))),
        (Form::List | Form::Map, Value::List(items)) => all(items
            .iter()
            .map(|item| single(catalog, setting, &item.value).map_err(|what| (item.place, what)))),
        (Form::Map, Value::Map(entries)) => {
            let mut keys = BTreeSet::new();
            all(entries.iter().map(|entry| {
                let is_new = keys.insert(entry.key.as_str());
                pair(catalog, setting, entry, is_new)
            }))
        }
        (_, value) => {
            let text = single(catalog, setting, value).map_err(here)?;
            Ok(Given::Texts(vec![text]))
        }
    }
}

/// All texts, or all that is wrong with any of them.
fn all(
    texts: impl Iterator<Item = Result<String, (Place, String)>>,
) -> Result<Given, Vec<(Place, String)>> {
    let mut good = Vec::new();
    let mut wrong = Vec::new();
    for text in texts {
        match text {
            Ok(text) => good.push(text),
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() {
        Ok(Given::Texts(good))
    } else {
        Err(wrong)
    }
}

/// An entry of a map as `KEY=VALUE`.
fn pair(
    catalog: &Catalog,
    setting: usize,
    Entry { key, place, node }: &Entry,
    is_new: bool,
) -> Result<String, (Place, String)> {
    match &node.value {
        _ if !is_new => Err((*place, format!("{} is set twice", told(key)))),
        Value::Scalar(text, _) => catalog
            .check(setting, &format!("{key}={text}"))
            .map_err(|what| (*place, what)),
        value => {
            let what = format!("{}: expected one value, got {value}", told(key));
            Err((node.place, what))
        }
    }
}

fn single(catalog: &Catalog, setting: usize, value: &Value) -> Result<String, String> {
    match value {
        Value::Scalar(text, Style::Plain) if ["true", "false"].contains(&text.as_str()) => Err(
            format!("expected a text or a number, got {text}; put quotes around it if it is meant"),
        ),
        Value::Scalar(text, Style::Plain) if !catalog.is_text(setting) => {
            let checked = catalog.check(setting, text);
            // A whole number may be written as one with a fraction or an exponent, as the Haskell client takes it.
            match whole(text).filter(|_| checked.is_err()) {
                Some(whole) => catalog.check(setting, &whole).or(checked),
                None => checked,
            }
        }
        Value::Scalar(text, _) => catalog.check(setting, text),
        value => Err(format!("expected one value, got {value}")),
    }
}

/// The digits of a whole number that a double holds exactly.
fn whole(text: &str) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| format!("{number:.0}"))
}

/// As YAML has it, and as environments do.
fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "0" => Ok(false),
        _ => Err(format!("expected true or false, got {}", Quoted(text))),
    }
}
