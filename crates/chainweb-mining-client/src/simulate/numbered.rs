//! A setting of all nodes, or of one: `nodeN` before it.

use std::str::FromStr;

/// A value, and the number of the node that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered<T> {
    /// `None` for all nodes.
    pub node: Option<usize>,
    /// The value.
    pub value: T,
}

impl<T> Numbered<T> {
    /// Parses a value, possibly with `nodeN` and `separator` before it.
    ///
    /// # Errors
    /// Returns the error of `parse`.
    pub(super) fn parse(
        text: &str,
        separator: char,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Self, String> {
        let named = text.split_once(separator);
        let numbered = named.and_then(|(name, rest)| Some((number(name)?, rest)));
        let (node, text) = match numbered {
            Some((node, rest)) => (Some(node), rest),
            None => (None, text),
        };
        let value = parse(text)?;
        Ok(Self { node, value })
    }
}

/// Returns the number in `nodeN`.
pub(super) fn number(name: &str) -> Option<usize> {
    usize::from_str(name.strip_prefix("node")?).ok()
}
