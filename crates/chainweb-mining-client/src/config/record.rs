//! A value of a list that a document writes as a map: `{url: a, ca: b}` is the text `a,ca=b`.
//!
//! The parser of the flag checks the text; the fields are known from the declaration of the flag.

use std::collections::BTreeMap;

use super::document::{Entry, Place, Value};
use super::scalar::{single, switch};
use super::setting::{Field, Setting};
use super::suggest::{Quoted, hint, joined, nearest, quoted_name};

/// Whether a map is a value of this setting, and not a section of settings.
pub(super) fn is_record(setting: &Setting, entries: &[Entry]) -> bool {
    let first = setting.fields.first();
    first.is_some_and(|first| entries.iter().any(|entry| is_of(first, entry)))
}

fn is_of(field: &Field, entry: &Entry) -> bool {
    joined(&entry.key) == joined(&field.key)
}

/// Returns the text of a map at a place, or all errors in it.
pub(super) fn value(
    setting: &Setting,
    place: Place,
    entries: &[Entry],
) -> Vec<Result<String, (Place, String)>> {
    let [first, options @ ..] = setting.fields.as_slice() else {
        return vec![Err((place, "expected one value, got a map".to_owned()))];
    };
    let mut problems = Vec::new();
    let mut known = BTreeMap::new();
    for entry in entries {
        let name = quoted_name(&entry.key);
        match setting.fields.iter().find(|field| is_of(field, entry)) {
            None => {
                let keys = || setting.fields.iter().map(|field| field.key.as_str());
                let all = format!("; expected {}", keys().collect::<Vec<_>>().join(", "));
                let hint = hint(nearest(&entry.key, keys()), &all);
                problems.push((entry.place, format!("{name}: unknown key{hint}")));
            }
            Some(field) if known.contains_key(&field.key) => {
                problems.push((entry.place, format!("{name}: appears twice")));
            }
            Some(field) => {
                known.insert(&field.key, &entry.node);
            }
        }
    }
    // An option is checked even if the first field is wrong: its key is a valid word in its place.
    let mut text = first.key.clone();
    match known.get(&first.key).map(|node| single(setting, node)) {
        Some(Ok(valid)) if !valid.contains(',') => text = valid,
        Some(Ok(_)) => problems.push((place, format!("{}: contains a comma", first.key))),
        Some(Err(problem)) => problems.push(problem),
        None => problems.push((place, format!("{} is missing", first.key))),
    }
    for field in options {
        let Some(node) = known.get(&field.key) else {
            continue;
        };
        let written = match &node.value {
            Value::Null => continue,
            value if field.is_switch => switch(value),
            Value::Scalar(text, _) if text.contains(',') => Err("contains a comma".to_owned()),
            Value::Scalar(text, _) => Ok(text.clone()),
            value => Err(format!("expected one value, got {value}")),
        };
        let written = written.map_err(|what| format!("{}: {what}", field.key));
        let extended = written.and_then(|written| {
            let extended = format!("{text},{}={written}", field.key);
            let shown = |text: &str| Quoted(text).to_string();
            let checked = setting.check(&extended);
            checked.map_err(|what| what.replace(&shown(&extended), &shown(&written)))
        });
        match extended {
            Ok(extended) => text = extended,
            Err(what) => problems.push((node.place, what)),
        }
    }
    if problems.is_empty() {
        return vec![Ok(text)];
    }
    problems.sort_by_key(|(place, _)| *place);
    problems.into_iter().map(Err).collect()
}
