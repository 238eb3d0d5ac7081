//! What the command line's parser has against a value, in the words of all other messages.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::super::document::Quoted;
use super::super::spelling::nearest;

/// What was expected instead of this value, and as much of it as may be repeated. `None` if the error is about something
/// else.
pub(super) fn on_value(error: &clap::Error, text: &str, repeated: &str) -> Option<String> {
    is_about_value(error.kind()).then(|| why(error, text, repeated))
}

fn is_about_value(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidUtf8
    )
}

fn why(error: &clap::Error, text: &str, repeated: &str) -> String {
    let got = Quoted(repeated);
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) {
        let expected = one_of(values);
        return match nearest(text, values.iter().cloned()) {
            Some(value) => format!("expected {expected}, got {got}; did you mean {value}?"),
            None => format!("expected {expected}, got {got}"),
        };
    }
    let source = error.source().map(ToString::to_string);
    let source = source.unwrap_or_else(|| "expected a value".to_owned());
    if source.contains(&got.to_string())
        || (!text.is_empty()
            && source
                .strip_prefix(text)
                .is_some_and(|rest| rest.starts_with(' ')))
    {
        source
    } else {
        format!("{source}, got {got}")
    }
}

fn one_of(values: &[String]) -> String {
    match values {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => values.concat(),
    }
}
