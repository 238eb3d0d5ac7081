//! The environment as a layer of settings: `CHAINWEB_MINING_<OPTION>`.
//!
//! A variable without text counts as not set, as compose files pass on what nobody has set. One that no setting has is
//! worth a warning only: whoever runs containers has variables put beside those of his own.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::assignment::{Assignment, Given, Mistake, Source};
use super::catalog::{Catalog, Form};
use super::document::{self, Style, Value};
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
            Err(_) => Err("is not a text in UTF-8".to_owned()),
        };
        let source = Source::Variable(name);
        match given {
            Ok(value) => items.assignments.push(Assignment {
                setting,
                value,
                source,
            }),
            Err(what) => items.mistakes.push(Mistake { source, what }),
        }
    }
    items
}

/// The value of a variable: a text, or a list or a map in JSON where the setting is one.
fn given(catalog: &Catalog, setting: usize, text: String) -> Result<Given, String> {
    let is_several = matches!(catalog.setting(setting).form, Form::List | Form::Map);
    let looks_several = ["[\"", "{\""].iter().any(|start| text.starts_with(start));
    let value = if is_several && looks_several {
        let node = document::parse_json(&text).map_err(|error| error.what)?;
        node.value
    } else {
        Value::Scalar(text, Style::Quoted)
    };
    items::given(catalog, setting, &value)
}
