//! Lines of a server as a strict client reads them.
//!
//! Only the form of a line is judged here: one JSON object, and which of answer and notification it is. What its
//! parts have to be is known where they are used.

use serde_json::{Deserializer, Map, Value};

use crate::device::Rule;

/// A line.
#[derive(Debug, PartialEq)]
pub(crate) enum ServerLine {
    /// An answer to a request.
    Answer(Answer),
    /// `mining.notify` and its parameters.
    Notify(Vec<Value>),
    /// `mining.set_target` and its parameters.
    SetTarget(Vec<Value>),
    /// `mining.set_difficulty`, which Kadena's devices take and do not use.
    SetDifficulty,
    /// Another method.
    Unknown,
}

/// An answer, as it is.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) id: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<Value>,
}

impl ServerLine {
    /// Reads a line without its newline.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Rule> {
        let mut values = Deserializer::from_slice(line).into_iter::<Map<String, Value>>();
        let Some(Ok(mut object)) = values.next() else {
            return Err(Rule::NotJson);
        };
        match values.next() {
            None => {}
            Some(Ok(_)) => return Err(Rule::GluedObjects),
            Some(Err(_)) => return Err(Rule::NotJson),
        }
        let params = match object.remove("params") {
            Some(Value::Array(params)) => params,
            _ => Vec::new(),
        };
        Ok(match object.get("method").and_then(Value::as_str) {
            Some("mining.notify") => Self::Notify(params),
            Some("mining.set_target") => Self::SetTarget(params),
            Some("mining.set_difficulty") => Self::SetDifficulty,
            Some(_) => Self::Unknown,
            None => Self::Answer(Answer {
                id: object.remove("id"),
                result: object.remove("result"),
                error: object.remove("error"),
            }),
        })
    }
}

impl Answer {
    /// The id, if it is an integer.
    pub(crate) fn integer_id(&self) -> Result<u64, Rule> {
        let id = self.id.as_ref().and_then(Value::as_u64);
        id.ok_or(Rule::IdIsNotAnInteger)
    }

    /// What the answer says: success with its result, or the refusal's code and reason.
    pub(crate) fn outcome(self) -> Result<Outcome, Rule> {
        let Some(result) = self.result else {
            return Err(Rule::ResultMissing);
        };
        let failed = matches!(result, Value::Null | Value::Bool(false));
        match self.error {
            Some(Value::Null) if failed => Err(Rule::FailureWithoutError),
            Some(Value::Null) => Ok(Outcome::Success(result)),
            Some(Value::Array(error)) => Ok(Outcome::Refusal {
                code: error.first().and_then(Value::as_i64),
                reason: match error.get(1) {
                    Some(Value::String(reason)) => reason.chars().take(80).collect(),
                    _ => String::new(),
                },
            }),
            _ => Err(Rule::ErrorForm),
        }
    }
}

/// What an answer says.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Success(Value),
    Refusal { code: Option<i64>, reason: String },
}
