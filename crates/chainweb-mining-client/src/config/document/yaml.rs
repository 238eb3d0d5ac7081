//! YAML with places, from the events of its parser.
//!
//! The parser does not resolve scalars, so they keep their form. Anchors and aliases are refused:
//! settings do not need them, and a few lines of them can stand for billions of values.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::super::suggest::Quoted;
use super::tree::{Bounds, DocumentError, Entry, Node, Parsed, Place, Style, Value};

/// Parses a text with one document. A text without one is null.
pub(super) fn parse(text: &str) -> Parsed {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        bounds: Bounds { text, nodes: 0 },
    };
    let (_, place) = reader.next()?;
    let mut document = None;
    while let (Event::DocumentStart(_), place) = reader.next()? {
        if document.is_some() {
            let what = "a second document starts here; settings are one document";
            return Err(DocumentError::new(place, what));
        }
        let root = reader.next()?;
        document = Some(reader.node(root, 0)?);
        // The end of the document.
        reader.next()?;
    }
    let value = Value::Null;
    Ok(document.unwrap_or(Node { place, value }))
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    bounds: Bounds<'a>,
}

impl<'a> Reader<'a> {
    /// The next event and its place, of which the last one ends the stream.
    ///
    /// # Errors
    /// Returns an error for what settings must not use.
    fn next(&mut self) -> Result<(Event<'a>, Place), DocumentError> {
        let next = self.parser.next_event();
        let (event, marker) = match next.expect("nothing is read after the end of the stream") {
            Ok((event, span)) => (Ok(event), span.start),
            Err(error) => (Err(error.info().to_owned()), *error.marker()),
        };
        let (line, column) = (marker.line(), marker.col() + 1);
        let place = Place { line, column };
        let event = event.map_err(|what| format!("is not YAML: {what}"));
        let event = event.and_then(|event| match unsupported(&event) {
            Some(what) => Err(format!("{what} not supported")),
            None => Ok((event, place)),
        });
        event.map_err(|what| DocumentError::new(place, what))
    }

    fn node(&mut self, (event, place): (Event<'a>, Place), depth: usize) -> Parsed {
        self.bounds.count(depth, place)?;
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                let is_str = tag.is_some_and(|tag| tag.suffix == "str" || tag.suffix.is_empty());
                let is_text = is_str || style != ScalarStyle::Plain;
                let style = if is_text { Style::Quoted } else { Style::Plain };
                match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if !is_text => Value::Null,
                    _ => Value::Scalar(text.into_owned(), style),
                }
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            other => {
                let what = format!("expected a value, got {other:?}");
                return Err(DocumentError::new(place, what));
            }
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, DocumentError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                next => items.push(self.node(next, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, DocumentError> {
        let mut entries = Vec::new();
        loop {
            let (key, place) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Map(entries)),
                (Event::Scalar(text, ..), place) => (text.into_owned(), place),
                (_, place) => return Err(DocumentError::new(place, "a key must be a word")),
            };
            let next = self.next()?;
            let node = self.node(next, depth + 1)?;
            entries.push(Entry { key, place, node });
        }
    }
}

/// What an event uses although settings must not, with its verb.
fn unsupported(event: &Event<'_>) -> Option<String> {
    let (anchor, tag) = match event {
        Event::Alias(_) => return Some("aliases (*name) are".to_owned()),
        Event::Scalar(_, _, anchor, tag)
        | Event::SequenceStart(anchor, tag)
        | Event::MappingStart(anchor, tag) => (*anchor, tag.as_deref()),
        _ => return None,
    };
    if anchor != 0 {
        return Some("anchors (&name) are".to_owned());
    }
    let tag = tag.filter(|tag| !tag.is_yaml_core_schema() && !tag.suffix.is_empty())?;
    Some(format!("the tag {} is", Quoted(&tag.to_string())))
}
