//! JSON bodies of requests: objects, as aeson wants them. serde would take arrays for structures as well.

use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::Answer;

/// The object in a body, or the answer to a body that is none.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice::<Map<String, Value>>(body)
        .and_then(|fields| serde_json::from_value(Value::Object(fields)))
        .map_err(|error| Answer::plain(StatusCode::BAD_REQUEST, format!("Error in $: {error}")))
}
