//! Strict parser of a server's lines.
//!
//! Checks that a line is one JSON object, and whether it is an answer or a notification. The users
//! of the parameters check those.

use serde_json::{Deserializer, Map, Value};

use crate::device::rules::Rule;

/// A line from the server.
#[derive(Debug, PartialEq)]
pub(crate) enum ServerLine {
    /// An answer to a request.
    Answer(Answer),
    /// `mining.notify` with its parameters.
    Notify(Vec<Value>),
    /// `mining.set_target` with its parameters.
    SetTarget(Vec<Value>),
    /// `mining.set_difficulty`, which Kadena's devices ignore.
    SetDifficulty,
    /// Another method.
    Unknown,
}

/// An answer before validation; a field is `None` if it is missing.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) id: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<Value>,
}

impl ServerLine {
    /// Parses a line without its newline.
    ///
    /// # Errors
    /// Returns the broken rule.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Rule> {
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
    /// Returns the id.
    ///
    /// # Errors
    /// Returns [`Rule::IdIsNotAnInteger`].
    pub(crate) fn integer_id(&self) -> Result<u64, Rule> {
        let id = self.id.as_ref().and_then(Value::as_u64);
        id.ok_or(Rule::IdIsNotAnInteger)
    }

    /// Returns the outcome: success with the result, or refusal with code and reason.
    ///
    /// # Errors
    /// Returns the broken rule.
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

/// Outcome of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Success(Value),
    Refusal { code: Option<i64>, reason: String },
}
