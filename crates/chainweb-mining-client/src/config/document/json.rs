//! JSON with places.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Bounds, DocumentError, Entry, Node, Parsed, Place, Style, Value};

/// Parses a text with one value.
pub(crate) fn parse(text: &str) -> Parsed {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        // The library counts the bytes of a line.
        let lines = text.split_inclusive('\n');
        let before = lines.take(error.line().saturating_sub(1));
        let line_start: usize = before.map(str::len).sum();
        let place = Place::of_byte(text, line_start + error.column().saturating_sub(1));
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        DocumentError::new(place, format!("is not JSON: {what}"))
    })?;
    node(raw, 0, &mut Bounds { text, nodes: 0 })
}

/// The entries of an object, in the order of the text.
struct Entries<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Entries<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Self, M::Error> {
        while let Some(entry) = map.next_entry()? {
            self.0.push(entry);
        }
        Ok(self)
    }
}

/// Reads a part of a text that is known to be JSON.
fn node(part: &RawValue, depth: usize, bounds: &mut Bounds<'_>) -> Parsed {
    let place = place(part, bounds);
    bounds.count(depth, place)?;
    let value = match part.get() {
        "null" => Value::Null,
        json if json.starts_with('"') => Value::Scalar(decode(part, place)?, Style::Quoted),
        json if json.starts_with('[') => {
            let items: Vec<&RawValue> = decode(part, place)?;
            let items = items.into_iter().map(|item| node(item, depth + 1, bounds));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        json if json.starts_with('{') => {
            let Entries(entries) = decode(part, place)?;
            let entries = entries.into_iter().map(|(key, value)| {
                let place = self::place(key, bounds);
                let (key, node) = (decode(key, place)?, node(value, depth + 1, bounds)?);
                Ok(Entry { key, place, node })
            });
            Value::Map(entries.collect::<Result<_, _>>()?)
        }
        json => Value::Scalar(json.to_owned(), Style::Plain),
    };
    Ok(Node { place, value })
}

/// The place of a part of the text.
fn place(part: &RawValue, Bounds { text, .. }: &Bounds<'_>) -> Place {
    Place::of_byte(text, part.get().as_ptr().addr() - text.as_ptr().addr())
}

/// Decodes a part. The grammar was checked; only halves of surrogate pairs remain to be found.
fn decode<'a, T: Deserialize<'a>>(part: &'a RawValue, place: Place) -> Result<T, DocumentError> {
    let what = "is not JSON: an escape is half of a surrogate pair";
    serde_json::from_str(part.get()).map_err(|_| DocumentError::new(place, what))
}
