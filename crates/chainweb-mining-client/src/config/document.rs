//! A document of settings, YAML, JSON or TOML, as one tree.
//!
//! Every scalar is the text that was written, never a number, so that a key of digits keeps its
//! form. Every value has its place. Size, depth and number of values are bounded, and aliases are
//! refused. What the settings are called and mean is not known here.

mod json;
mod toml;
mod tree;
mod yaml;

pub(crate) use self::json::parse as parse_json;
pub(crate) use self::tree::{DocumentError, Entry, Node, Place, Style, Value};

/// The largest document.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// The error for bytes that are not UTF-8.
pub(crate) const NOT_UTF8: &str = "is not valid UTF-8";

/// The formats of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Json,
    Toml,
}

/// The bytes of a document, and its format if that is known.
pub(crate) type Document = (Vec<u8>, Option<Format>);

impl Format {
    /// The format by the extension of a file name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }

    /// The format by a media type.
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default();
        let subtype = essence.trim().rsplit(['/', '+', '-', '.']).next()?;
        Self::of_name(&format!(".{subtype}"))
    }

    /// The format by the first line of a text: TOML or YAML, of which JSON is a part.
    fn of_text(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        let first = first.unwrap_or_default();
        let is_table = first.starts_with('[') && first.ends_with(']');
        let is_key = |key: &str| {
            let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_.\"' ".contains(c);
            !key.is_empty() && key.chars().all(is_bare)
        };
        if is_table || first.split_once('=').is_some_and(|(key, _)| is_key(key)) {
            Self::Toml
        } else {
            Self::Yaml
        }
    }
}

/// Parses a document whose top is a map. Without a format, the text decides.
///
/// Returns `None` if the document is empty.
pub(crate) fn parse(
    bytes: &[u8],
    format: Option<Format>,
) -> Result<Option<Vec<Entry>>, DocumentError> {
    let text = text(bytes)?;
    if is_markup(text) {
        let what = "looks like a web page (HTML or XML), not like settings";
        return Err(DocumentError::new(None, what));
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    let node = match format.unwrap_or_else(|| Format::of_text(text)) {
        Format::Toml => toml::parse(text)?,
        Format::Json => parse_json(text)?,
        // JSON is YAML except for its escapes and its tabs.
        Format::Yaml if text.trim_start().starts_with('{') => {
            parse_json(text).or_else(|_| yaml::parse(text))?
        }
        Format::Yaml => yaml::parse(text)?,
    };
    match node.value {
        Value::Null => Ok(None),
        Value::Map(entries) => Ok(Some(entries)),
        value => {
            let what = format!("expected settings as `key: value`, got {value}");
            Err(DocumentError::new(node.place, what))
        }
    }
}

/// Whether a text starts like HTML or XML. YAML may start with `<<`.
fn is_markup(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix('<');
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "!?".contains(c)))
}

fn text(bytes: &[u8]) -> Result<&str, DocumentError> {
    if bytes.len() > MAX_BYTES {
        let what = "is larger than 1 MiB, the limit for settings";
        return Err(DocumentError::new(None, what));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.contains(&0) {
        let what = "is not a text file: it contains zero bytes";
        return Err(DocumentError::new(None, what));
    }
    str::from_utf8(bytes).map_err(|error| {
        let valid = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        DocumentError::new(Place::of_byte(valid, valid.len()), NOT_UTF8)
    })
}

#[cfg(test)]
mod tests;
