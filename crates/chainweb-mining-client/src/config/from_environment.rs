//! The settings in the environment: `CHAINWEB_MINING_<OPTION>`.
//!
//! An empty variable counts as unset, because compose files pass on unset variables as empty ones.
//! An unknown variable is only a warning, because container runtimes inject variables of their own.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::catalog::Catalog;
use super::document::{self, NOT_UTF8, Node, Place, Style, Value};
use super::findings::{Findings, Layer};
use super::from_document::values;
use super::key::ENVIRONMENT_PREFIX;
use super::setting::Setting;

/// Reads the variables with the prefix of the program.
pub(crate) fn read(
    catalog: &Catalog,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    findings: &mut Findings,
) {
    let named = variables.into_iter().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let is_ours = name.starts_with(ENVIRONMENT_PREFIX);
        is_ours.then_some((name, value))
    });
    // Sorted, because the order of the environment differs between systems.
    for (name, value) in named.collect::<BTreeMap<_, _>>() {
        let Some(setting) = catalog.by_variable(&name) else {
            let nearest = catalog.nearest_variable(&name);
            let hint = nearest.map_or(String::new(), |name| format!("; did you mean {name}?"));
            let warning = format!("unknown setting {name}{hint}");
            findings.warnings.push(warning);
            continue;
        };
        let values = match value.into_string() {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => parse(setting, text),
            Err(_) => Err(vec![NOT_UTF8.to_owned()]),
        };
        match values {
            Ok(values) => findings.assign(Layer::Environment, setting, values, name),
            Err(problems) => {
                for what in problems {
                    findings.problem(&name, what);
                }
            }
        }
    }
}

/// The values of a variable: one text, or JSON for a list or a map.
fn parse(setting: &Setting, text: String) -> Result<Vec<String>, Vec<String>> {
    let node = if setting.is_list() && is_json(&text) {
        document::parse_json(&text).map_err(|error| vec![error.what])?
    } else {
        let place = Place { line: 1, column: 1 };
        let value = Value::Scalar(text, Style::Quoted);
        Node { place, value }
    };
    values(setting, &node).map_err(|problems| problems.into_iter().map(|(_, what)| what).collect())
}

/// Whether a text starts like a list or a map in JSON, and not like an IPv6 address in brackets.
fn is_json(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix(['[', '{']);
    rest.is_some_and(|rest| rest.trim_start().starts_with('"'))
}
