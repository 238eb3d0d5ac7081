//! A document of settings: YAML, JSON or TOML, read into one tree.
//!
//! Every scalar is the text that was written, never a number, so that a key of digits stays what it is; every part
//! knows its place. Size, depth and number of parts are bounded, and nothing in the tree is there twice: aliases are
//! refused. What the settings are called and what they mean is not known here.

mod json;
mod toml;
mod yaml;

use std::fmt;

/// No file of settings is anywhere near this size.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Sections are nested once; readers of the tree may recurse.
const MAX_DEPTH: usize = 16;

/// More than ten times what all settings and long lists of arguments need.
const MAX_NODES: usize = 2_000;

/// A position in a text, both counted from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What stands in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing, said explicitly.
    Null,
    /// Text, as written.
    Scalar(String, Style),
    /// Values in their order.
    List(Vec<Node>),
    /// Values under keys, in the order of the format's reader. A key may be there twice.
    Map(Vec<Entry>),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As text, whatever it looks like.
    Quoted,
    /// Without quotes: a number, a truth value or a bare word.
    Plain,
}

/// A value under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// The languages of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Json,
    Toml,
}

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct DocumentError {
    pub(crate) place: Option<Place>,
    pub(crate) what: String,
}

impl Format {
    /// The format that the end of a name promises.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }

    /// The format that a media type promises.
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default();
        let subtype = essence.trim().rsplit(['/', '+', '-', '.']).next()?;
        Self::of_name(&format!(".{subtype}"))
    }

    /// The format that a text looks like; YAML stands for JSON too.
    fn of_text(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        let first = first.unwrap_or_default();
        let is_word = |key: &str| {
            let bare = |c: char| c.is_ascii_alphanumeric() || "-_.\"' ".contains(c);
            !key.is_empty() && key.chars().all(bare)
        };
        if (first.starts_with('[') && first.ends_with(']'))
            || first.split_once('=').is_some_and(|(key, _)| is_word(key))
        {
            Self::Toml
        } else {
            Self::Yaml
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yaml => "YAML",
            Self::Json => "JSON",
            Self::Toml => "TOML",
        })
    }
}

/// Reads a document whose top is a map. `None` if there is nothing in it. Without a promised format the text decides.
pub(crate) fn parse(
    bytes: &[u8],
    promised: Option<Format>,
) -> Result<Option<Vec<Entry>>, DocumentError> {
    let text = text(bytes)?;
    if is_markup(text) {
        return Err(whole(
            "looks like a web page (HTML or XML), not like settings",
        ));
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    let node = match promised.unwrap_or_else(|| Format::of_text(text)) {
        Format::Toml => Some(toml::parse(text)?),
        Format::Json => Some(json::parse(text)?),
        // JSON is almost YAML; its escapes and its tabs are not.
        Format::Yaml if text.trim_start().starts_with('{') => match json::parse(text) {
            Ok(node) => Some(node),
            Err(_) => yaml::parse(text)?,
        },
        Format::Yaml => yaml::parse(text)?,
    };
    match node.map(|node| (node.place, node.value)) {
        None | Some((_, Value::Null)) => Ok(None),
        Some((_, Value::Map(entries))) => Ok(Some(entries)),
        Some((place, value)) => Err(at(
            place,
            format!("expected settings as `key: value`, got {value}"),
        )),
    }
}

/// Reads a single list or map as it stands in a variable of the environment.
pub(crate) fn parse_json(text: &str) -> Result<Node, DocumentError> {
    json::parse(text)
}

/// Whether a text begins as HTML and XML do. What begins with `<<` may be YAML.
fn is_markup(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix('<');
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "!?".contains(c)))
}

fn text(bytes: &[u8]) -> Result<&str, DocumentError> {
    if bytes.len() > MAX_BYTES {
        return Err(whole("is larger than 1 MiB: no settings are"));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(whole("is not a text: it has zero bytes in it"));
    }
    str::from_utf8(bytes).map_err(|error| {
        let good = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        at(place(good, good.len()), "is not a text in UTF-8")
    })
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

/// A text as it is repeated in a message: in quotes, and not too much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        match self.0.char_indices().nth(SHOWN) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}… ({} bytes)", &self.0[..end], self.0.len()),
        }
    }
}

/// Counts the parts of a document as they are read.
#[derive(Debug, Default)]
struct Bounds {
    nodes: usize,
}

impl Bounds {
    /// Takes one more part, this deep below the top.
    fn take(&mut self, depth: usize, place: Place) -> Result<(), DocumentError> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            Err(at(place, format!("is nested more than {MAX_DEPTH} deep")))
        } else if self.nodes > MAX_NODES {
            Err(at(place, format!("has more than {MAX_NODES} parts")))
        } else {
            Ok(())
        }
    }
}

/// The place of a byte.
fn place(text: &str, byte: usize) -> Place {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

fn at(place: Place, what: impl Into<String>) -> DocumentError {
    DocumentError {
        place: Some(place),
        what: what.into(),
    }
}

fn whole(what: &str) -> DocumentError {
    DocumentError {
        place: None,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
