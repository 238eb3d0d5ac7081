//! YAML, from the events of its parser.
//!
//! The parser resolves nothing, which keeps every scalar as it was written. Anchors and aliases are refused: settings
//! do not need them, and a few lines of them stand for billions of values.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::{Bounds, DocumentError, Entry, Node, Place, Quoted, Style, Value, at};

/// Reads the one document of a text. `None` if there is none.
pub(super) fn parse(text: &str) -> Result<Option<Node>, DocumentError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        bounds: Bounds::default(),
    };
    let mut document = None;
    while let Some((event, place)) = reader.next()? {
        match event {
            Event::DocumentStart(_) if document.is_some() => {
                return Err(at(place, "a second document begins here: one is enough"));
            }
            Event::DocumentStart(_) => {
                let (event, place) = reader.expect()?;
                document = Some(reader.node(event, place, 0)?);
            }
            _ => {}
        }
    }
    Ok(document)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    bounds: Bounds,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Place)>, DocumentError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, place(span.start)))),
            Some(Err(error)) => Err(syntax(&error)),
        }
    }

    fn expect(&mut self) -> Result<(Event<'a>, Place), DocumentError> {
        let next = self.next()?;
        Ok(next.expect("the parser ends all that it has begun before it ends the stream"))
    }

    fn node(
        &mut self,
        event: Event<'a>,
        place: Place,
        depth: usize,
    ) -> Result<Node, DocumentError> {
        self.bounds.take(depth, place)?;
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                no_anchor(anchor, place)?;
                scalar(text.into_owned(), style, tag.as_deref(), place)?
            }
            Event::SequenceStart(anchor, tag) => {
                no_anchor(anchor, place)?;
                core_tag(tag.as_deref(), place)?;
                self.list(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                no_anchor(anchor, place)?;
                core_tag(tag.as_deref(), place)?;
                self.map(depth)?
            }
            Event::Alias(_) => return Err(at(place, "aliases (*name) are not supported")),
            other => return Err(at(place, format!("expected a value, got {other:?}"))),
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, DocumentError> {
        let mut items = Vec::new();
        loop {
            match self.expect()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, place) => items.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, DocumentError> {
        let mut entries = Vec::new();
        loop {
            let (event, place) = self.expect()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = match event {
                Event::Scalar(text, _, 0, _) => text.into_owned(),
                Event::Alias(_) | Event::Scalar(..) => {
                    return Err(at(place, "anchors and aliases are not supported"));
                }
                _ => return Err(at(place, "a key has to be a word")),
            };
            let (event, value_place) = self.expect()?;
            let node = self.node(event, value_place, depth + 1)?;
            entries.push(Entry { key, place, node });
        }
    }
}

/// Numbers and truth values stay text; nothing at all, `~` and `null` are null.
fn scalar(
    text: String,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: Place,
) -> Result<Value, DocumentError> {
    core_tag(tag, place)?;
    let is_text = tag.is_some_and(|tag| tag.suffix == "str" || tag.suffix.is_empty());
    if style != ScalarStyle::Plain || is_text {
        return Ok(Value::Scalar(text, Style::Quoted));
    }
    Ok(match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => Value::Scalar(text, Style::Plain),
    })
}

fn no_anchor(anchor: usize, place: Place) -> Result<(), DocumentError> {
    match anchor {
        0 => Ok(()),
        _ => Err(at(place, "anchors (&name) are not supported")),
    }
}

fn core_tag(tag: Option<&Tag>, place: Place) -> Result<(), DocumentError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() && !tag.suffix.is_empty() => {
            let tag = tag.to_string();
            let what = format!("the tag {} is not supported", Quoted(&tag));
            Err(at(place, what))
        }
        _ => Ok(()),
    }
}

fn syntax(error: &ScanError) -> DocumentError {
    let what = format!("is not YAML: {}", error.info());
    at(place(*error.marker()), what)
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}
