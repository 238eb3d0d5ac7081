//! JSON bodies of requests. aeson accepts only objects for records; serde would accept arrays, too.

use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::Answer;

/// Parses a body that must be a JSON object.
///
/// # Errors
/// Returns the 400 answer to another body.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice::<Map<String, Value>>(body)
        .and_then(|fields| serde_json::from_value(Value::Object(fields)))
        .map_err(|error| Answer::plain(StatusCode::BAD_REQUEST, format!("Error in $: {error}")))
}
