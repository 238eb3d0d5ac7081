//! The settings in the environment: `CHAINWEB_MINING_<OPTION>`, and the variables of other mining
//! clients, which yield to all other sources.
//!
//! An empty variable counts as unset, because compose files pass on unset variables as empty ones.
//! An unknown variable is only a warning, because container runtimes inject variables of their own.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::catalog::Catalog;
use super::document::{self, DocumentError, NOT_UTF8, Node, Place, Style, Value};
use super::findings::{Findings, Layer};
use super::from_document::values;
use super::key::{ENVIRONMENT_PREFIX, FOREIGN_VARIABLES};
use super::setting::{Form, Setting};
use super::suggest::{hint, quoted_name};

/// Reads the variables with the prefix of the program, and those of other clients.
pub(crate) fn read(
    catalog: &Catalog,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    findings: &mut Findings,
) {
    let named = variables.into_iter().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let is_ours = name.starts_with(ENVIRONMENT_PREFIX);
        (is_ours || foreign(&name).is_some()).then_some((name, value))
    });
    // Sorted, because the order of the environment differs between systems.
    for (name, value) in named.collect::<BTreeMap<_, _>>() {
        let (layer, setting) = match foreign(&name) {
            Some(flag) => {
                let setting = catalog.by_flag(flag).map(|(setting, _)| setting);
                (Layer::ForeignEnvironment, setting)
            }
            None => (Layer::Environment, catalog.by_variable(&name)),
        };
        let Some(setting) = setting else {
            let hint = hint(catalog.nearest_variable(&name), "");
            let name = quoted_name(&name);
            findings
                .warnings
                .push(format!("unknown setting {name}{hint}"));
            continue;
        };
        let values = match value.into_string() {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => match parse(setting, text) {
                Ok(node) => values(setting, &node, |_| name.clone()),
                Err(error) => Err(vec![format!("{name}: {}", error.what)]),
            },
            Err(_) => Err(vec![format!("{name}: {NOT_UTF8}")]),
        };
        findings.record(layer, setting, name, values);
    }
}

/// Returns the flag of a variable of another client.
fn foreign(variable: &str) -> Option<&'static str> {
    let found = FOREIGN_VARIABLES.iter().find(|(name, _)| *name == variable);
    found.map(|(_, flag)| *flag)
}

/// Parses a variable: as one text, as JSON if it starts like a list or a map, or as texts separated
/// by blanks if no value has blanks.
///
/// An IPv6 address in brackets is not JSON: neither a quote nor a brace follows the bracket.
fn parse(setting: &Setting, text: String) -> Result<Node, DocumentError> {
    let inner = text.trim_start().strip_prefix(['[', '{']);
    let is_json = inner.is_some_and(|inner| inner.trim_start().starts_with(['"', '{']));
    if setting.is_list() && is_json {
        return document::parse_json(&text);
    }
    let place = Place { line: 1, column: 1 };
    let node = |text: String| Node {
        place,
        value: Value::Scalar(text, Style::Quoted),
    };
    let mut words = text.split_whitespace();
    let is_list = setting.form == Form::List && !setting.is_text();
    if is_list && words.next().is_some_and(|word| setting.check(word).is_ok()) {
        let words = text.split_whitespace().map(str::to_owned);
        let value = Value::List(words.map(node).collect());
        return Ok(Node { place, value });
    }
    Ok(node(text))
}
