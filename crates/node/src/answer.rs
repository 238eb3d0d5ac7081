//! A complete response of a node.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::Skew;

/// A complete response; of a refusal only the start of the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) skew: Option<Skew>,
    /// The proxy of the environment, if it or something behind it has made the response in place of
    /// the node.
    pub(crate) proxy: Option<String>,
}

impl Answer {
    /// Returns the body as text, without surrounding whitespace.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }

    /// Returns the start of that text.
    pub(crate) fn excerpt(&self) -> String {
        excerpt(&self.text())
    }
}

/// Returns the start of a text, which may be of any length.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    let start: String = text.chars().take(MAX_CHARS).collect();
    if start.len() < text.len() {
        format!("{start}…")
    } else {
        start
    }
}
