//! JSON with places.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Bounds, DocumentError, Entry, Node, Place, Style, Value};

/// Parses a text with one value.
pub(super) fn parse(text: &str) -> Result<Node, DocumentError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        // The library counts the bytes of a line.
        let lines = text.split_inclusive('\n');
        let before = lines.take(error.line().saturating_sub(1));
        let line_start: usize = before.map(str::len).sum();
        let place = Place::of_byte(text, line_start + error.column().saturating_sub(1));
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        DocumentError::at(place, format!("is not JSON: {what}"))
    })?;
    let mut reader = Reader {
        text,
        bounds: Bounds::default(),
    };
    reader.node(raw, 0)
}

/// The entries of an object, in the order of the text.
struct Entries<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries<'de>, M::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

/// Reads parts of a text that is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    bounds: Bounds,
}

impl Reader<'_> {
    fn node(&mut self, raw: &RawValue, depth: usize) -> Result<Node, DocumentError> {
        let json = raw.get();
        let place = self.place(raw);
        self.bounds.count(depth, place)?;
        let value = match json.as_bytes().first() {
            Some(b'{') => {
                let Entries(entries) = decode(json, place)?;
                let entries = entries.into_iter().map(|(key, value)| {
                    let place = self.place(key);
                    Ok(Entry {
                        key: decode(key.get(), place)?,
                        place,
                        node: self.node(value, depth + 1)?,
                    })
                });
                Value::Map(entries.collect::<Result<_, _>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = decode(json, place)?;
                let items = items.into_iter().map(|item| self.node(item, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => Value::Scalar(decode(json, place)?, Style::Quoted),
            _ if json == "null" => Value::Null,
            _ => Value::Scalar(json.to_owned(), Style::Plain),
        };
        Ok(Node { place, value })
    }

    /// The place of a part, which the text contains.
    fn place(&self, part: &RawValue) -> Place {
        let start = part.get().as_ptr().addr() - self.text.as_ptr().addr();
        Place::of_byte(self.text, start)
    }
}

/// Decodes a part. The grammar was checked; only halves of surrogate pairs remain to be found.
fn decode<'a, T: Deserialize<'a>>(json: &'a str, place: Place) -> Result<T, DocumentError> {
    let what = "is not JSON: an escape is half of a surrogate pair";
    serde_json::from_str(json).map_err(|_| DocumentError::at(place, what))
}
