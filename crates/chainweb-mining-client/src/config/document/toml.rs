//! TOML with places. Numbers stay text; the forms that only TOML has (`0x10`, `1_000`) become
//! decimal.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::tree::{Bounds, DocumentError, Entry, Node, Parsed, Place, Style, Value};

/// Parses a text as a table.
pub(super) fn parse(text: &str) -> Parsed {
    let table = DeTable::parse(text).map_err(|error| DocumentError {
        place: error.span().map(|span| Place::of_byte(text, span.start)),
        what: format!("is not TOML: {}", error.message().replace('\n', "; ")),
    })?;
    let start = table.span().start;
    let table = DeValue::Table(table.into_inner());
    node(&table, start, 0, &mut Bounds { text, nodes: 0 })
}

/// Reads the value that starts at the byte `start`.
fn node(value: &DeValue<'_>, start: usize, depth: usize, bounds: &mut Bounds<'_>) -> Parsed {
    let place = Place::of_byte(bounds.text, start);
    bounds.count(depth, place)?;
    let plain = |text: String| Value::Scalar(text, Style::Plain);
    let text = bounds.text;
    let mut inner =
        |value: &Spanned<DeValue<'_>>| node(value.get_ref(), value.span().start, depth + 1, bounds);
    let value = match value {
        DeValue::String(text) => Value::Scalar(text.to_string(), Style::Quoted),
        DeValue::Integer(integer) => plain(decimal(integer)),
        DeValue::Float(float) => plain(float.as_str().to_owned()),
        DeValue::Boolean(boolean) => plain(boolean.to_string()),
        DeValue::Datetime(time) => plain(time.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(inner);
            Value::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            // In the order of the text.
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| Spanned::span(key).start);
            let entries = entries.into_iter().map(|(key, value)| {
                Ok(Entry {
                    key: key.get_ref().to_string(),
                    place: Place::of_byte(text, key.span().start),
                    node: inner(value)?,
                })
            });
            Value::Map(entries.collect::<Result<_, _>>()?)
        }
    };
    Ok(Node { place, value })
}

fn decimal(integer: &DeInteger<'_>) -> String {
    let digits = integer.as_str();
    match i128::from_str_radix(digits, integer.radix()) {
        Ok(number) if integer.radix() != 10 => number.to_string(),
        _ => digits.trim_start_matches('+').to_owned(),
    }
}
