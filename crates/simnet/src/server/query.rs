//! Query parameters.

use std::str::FromStr;

use chainweb::{BlockHash, HashError};
use hyper::StatusCode;
use percent_encoding::percent_decode_str;

use super::answer::Answer;
use crate::network::{Next, Window};

/// The query of a request: `name=value` pairs, percent-encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let pairs = text.unwrap_or_default().split('&');
        Self(
            pairs
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    let decode = |text| percent_decode_str(text).decode_utf8_lossy();
                    (decode(name).into_owned(), decode(value).into_owned())
                })
                .collect(),
        )
    }

    /// Returns the value of a parameter, if present.
    ///
    /// # Errors
    /// Returns the 400 answer to a value that cannot be parsed.
    pub(crate) fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, Answer> {
        let Some((_, value)) = self.0.iter().find(|(key, _)| key == name) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| {
            let message = format!("Error parsing query parameter {name} failed: {value:?}");
            Answer::plain(StatusCode::BAD_REQUEST, message)
        })
    }

    /// Returns the requested part of a table or branch, of at most `limit` items.
    ///
    /// # Errors
    /// Returns the 400 answer to a parameter that cannot be parsed.
    pub(crate) fn window(&self, limit: usize) -> Result<Window, Answer> {
        Ok(Window {
            limit: self.get("limit")?.map_or(limit, |n: usize| n.min(limit)),
            next: self.get("next")?,
            min_height: self.get("minheight")?,
            max_height: self.get("maxheight")?,
        })
    }
}

impl FromStr for Next {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let hash = |text: &str| text.parse::<BlockHash>();
        match text.split_once(':') {
            Some(("inclusive", name)) => hash(name).map(Self::Inclusive),
            Some(("exclusive", name)) => hash(name).map(Self::Exclusive),
            _ => Err(HashError::Encoding(text.to_owned())),
        }
    }
}
