//! JSON, with its places.
//!
//! The grammar is checked first, by the library that everything else here reads JSON with; what follows then walks over
//! a text that is known to be good and notes where its parts stand.

use serde::de::IgnoredAny;

use super::{Bounds, DocumentError, Entry, Node, Place, Style, Value, at, place};

/// Reads the one value of a text.
pub(super) fn parse(text: &str) -> Result<Node, DocumentError> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        // The library counts the bytes of a line.
        let lines = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1));
        let line_start: usize = lines.map(str::len).sum();
        let place = place(text, line_start + error.column().saturating_sub(1));
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        at(place, format!("is not JSON: {what}"))
    })?;
    let mut reader = Reader {
        rest: text,
        place: Place { line: 1, column: 1 },
        bounds: Bounds::default(),
    };
    reader.node(0)
}

struct Reader<'a> {
    rest: &'a str,
    place: Place,
    bounds: Bounds,
}

impl<'a> Reader<'a> {
    fn node(&mut self, depth: usize) -> Result<Node, DocumentError> {
        self.skip_space();
        let place = self.place;
        self.bounds.take(depth, place)?;
        let value = match self.rest.as_bytes().first() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Scalar(self.string()?, Style::Quoted),
            _ => match self.bare() {
                "null" => Value::Null,
                word => Value::Scalar(word.to_owned(), Style::Plain),
            },
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, DocumentError> {
        let mut items = Vec::new();
        self.advance(1);
        while !self.closes(']') {
            items.push(self.node(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, depth: usize) -> Result<Value, DocumentError> {
        let mut entries = Vec::new();
        self.advance(1);
        while !self.closes('}') {
            let place = self.place;
            let key = self.string()?;
            self.skip_space();
            // The colon.
            self.advance(1);
            let node = self.node(depth + 1)?;
            entries.push(Entry { key, place, node });
        }
        Ok(Value::Map(entries))
    }

    /// Goes on to the next item, or over the bracket that ends them.
    fn closes(&mut self, bracket: char) -> bool {
        self.skip_space();
        let is_end = self.rest.starts_with(bracket);
        if is_end || self.rest.starts_with(',') {
            self.advance(1);
            self.skip_space();
        }
        is_end
    }

    fn string(&mut self) -> Result<String, DocumentError> {
        let mut end = 1;
        let bytes = self.rest.as_bytes();
        while bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let literal = &self.rest[..=end];
        // Whoever checks the grammar alone does not check that halves of a character come in pairs.
        let text = serde_json::from_str(literal)
            .map_err(|_| at(self.place, "is not JSON: half of a character is missing"))?;
        self.advance(end + 1);
        Ok(text)
    }

    fn bare(&mut self) -> &'a str {
        let is_end = |c: char| c.is_ascii_whitespace() || ",]}".contains(c);
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.advance(end);
        word
    }

    fn skip_space(&mut self) {
        let space = self.rest.len() - self.rest.trim_start().len();
        self.advance(space);
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        for c in passed.chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.rest = rest;
    }
}
