//! The environment as a layer of settings: `CHAINWEB_MINING_<OPTION>`.
//!
//! A variable without text counts as not set, as compose files pass on what nobody has set. One that no setting has is
//! worth a warning only: whoever runs containers has variables put beside those of his own.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::assignment::{Assignment, Given, Mistake, Source};
use super::catalog::{Catalog, Form};
use super::document::{self, Node, Place, Style, Value};
use super::items::{self, Items};
use super::key::ENVIRONMENT_PREFIX;

/// Reads the variables.
pub(crate) fn read(
    catalog: &Catalog,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Items {
    let named = variables.into_iter().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(ENVIRONMENT_PREFIX)
            .then_some((name, value))
    });
    let mut items = Items::default();
    // In an order that does not depend on the system's.
    for (name, value) in named.collect::<BTreeMap<_, _>>() {
        let Some(setting) = catalog.by_variable(&name) else {
            let nearest = catalog.nearest_variable(&name);
            let hint = nearest.map(|nearest| format!("; did you mean {nearest}?"));
            let hint = hint.unwrap_or_default();
            items
                .warnings
                .push(format!("{name} is no setting of this program{hint}"));
            continue;
        };
        let given = match value.into_string() {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => given(catalog, setting, text),
            Err(_) => Err(vec!["is not a text in UTF-8".to_owned()]),
        };
        let source = Source::Variable(name);
        match given {
            Ok(value) => items.assignments.push(Assignment {
                setting,
                value,
                source,
            }),
            Err(wrong) => items.mistakes.extend(wrong.into_iter().map(|what| Mistake {
                source: source.clone(),
                what,
            })),
        }
    }
    items
}

/// The value of a variable: a text, or a list or a map in JSON where the setting is one.
fn given(catalog: &Catalog, setting: usize, text: String) -> Result<Given, Vec<String>> {
    let is_several = matches!(catalog.setting(setting).form, Form::List | Form::Map);
    let node = if is_several && looks_several(&text) {
        document::parse_json(&text).map_err(|error| vec![error.what])?
    } else {
        Node {
            place: Place { line: 1, column: 1 },
            value: Value::Scalar(text, Style::Quoted),
        }
    };
    // A variable is short enough to find the place without being told it.
    let untold = |wrong: Vec<(Place, String)>| wrong.into_iter().map(|(_, what)| what).collect();
    items::given(catalog, setting, &node).map_err(untold)
}

/// Whether a text begins as a list or a map of JSON does. An address in brackets has no quotes.
fn looks_several(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix(['[', '{']);
    rest.is_some_and(|rest| rest.trim_start().starts_with('"'))
}
