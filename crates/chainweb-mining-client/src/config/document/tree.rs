//! The tree of a document: values, their places, and the limits of the tree.

use std::fmt;

use super::super::suggest::Quoted;

/// The depth of a tree; settings need three levels.
const MAX_DEPTH: usize = 16;

/// The number of values in a tree, ten times the number of all settings.
pub(crate) const MAX_NODES: usize = 2_000;

/// A position in a text. Lines and columns start at one; a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and the place where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A value in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    /// A text, as written.
    Scalar(String, Style),
    List(Vec<Node>),
    /// Entries, possibly with the same key twice.
    Map(Vec<Entry>),
}

/// A part of a document, or why it is invalid.
pub(super) type Parsed = Result<Node, DocumentError>;

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As text.
    Quoted,
    /// Without quotes: a number, `true`, `false` or a word.
    Plain,
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// Why a text is not a document of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentError {
    pub(crate) place: Option<Place>,
    pub(crate) what: String,
}

impl DocumentError {
    /// An error at a place, or of the document as a whole.
    pub(super) fn new(place: impl Into<Option<Place>>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl Place {
    /// The place of a byte of a text.
    pub(super) fn of_byte(text: &str, byte: usize) -> Self {
        let before = &text[..text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Scalar(text, _) => write!(f, "{}", Quoted(text)),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
        }
    }
}

/// The text of a document, and the number of values read from it.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    pub(super) text: &'a str,
    pub(super) nodes: usize,
}

impl Bounds<'_> {
    /// Counts one more value, `depth` levels below the top.
    ///
    /// # Errors
    /// Returns an error if the tree is too deep or too large.
    pub(super) fn count(&mut self, depth: usize, place: Place) -> Result<(), DocumentError> {
        self.nodes += 1;
        let what = match self.nodes {
            _ if depth > MAX_DEPTH => format!("is nested more than {MAX_DEPTH} levels deep"),
            nodes if nodes > MAX_NODES => format!("has more than {MAX_NODES} values"),
            _ => return Ok(()),
        };
        Err(DocumentError::new(place, what))
    }
}
