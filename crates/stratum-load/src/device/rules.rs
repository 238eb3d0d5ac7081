//! Rules that a server must follow so that the devices can mine.
//!
//! A rule is broken by a line, by a missing line, or by an action that the server forces on the
//! device. The rules come from the known firmwares and from the needs of every client; Stratum for
//! Kadena has no standard.

use serde::Serialize;

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A line is not a JSON object.
    #[error("the line is not a JSON object")]
    NotJson,
    /// A line holds more than one object.
    #[error("the line holds more than one object")]
    GluedObjects,
    /// A line is longer than 64 KiB.
    #[error("the line is longer than 64 KiB")]
    LineTooLong,
    /// The first line after `mining.subscribe` is not its answer.
    #[error("the first line after mining.subscribe is not its answer")]
    FirstLineIsNotTheAnswer,
    /// An unknown notification precedes the answer to `mining.authorize`.
    #[error("unknown notification before the answer to mining.authorize")]
    UnknownLineDuringLogin,
    /// The id of an answer is not an integer.
    #[error("the answer's id is not an integer")]
    IdIsNotAnInteger,
    /// An answer's id matches no unanswered request.
    #[error("the answer's id matches no unanswered request")]
    UnknownAnswerId,
    /// Requests are not answered in order.
    #[error("requests are not answered in order")]
    AnswersOutOfOrder,
    /// An answer lacks `result`.
    #[error("the answer has no result")]
    ResultMissing,
    /// `error` is missing, or neither an array nor null.
    #[error("the answer's error is neither an array nor null")]
    ErrorForm,
    /// A failure's `error` is null.
    #[error("the request failed, but the answer's error is null")]
    FailureWithoutError,
    /// The result of `mining.subscribe` is not an array of three.
    #[error("the result of mining.subscribe is not an array of three")]
    SubscribeResultForm,
    /// nonce1 is not a hex string of even length.
    #[error("nonce1 is not a hex string of even length")]
    Nonce1Form,
    /// The device cannot use the length of nonce2, or nonce1 and nonce2 are not eight bytes
    /// together.
    #[error(
        "the device cannot use the length of nonce2, or nonce1 and nonce2 are not eight bytes together"
    )]
    Nonce2Length,
    /// The server refuses `mining.subscribe` or `mining.authorize`.
    #[error("the server refused the login")]
    LoginRefused,
    /// A target is not a string of 64 hex digits.
    #[error("the target is not a string of 64 hex digits")]
    TargetForm,
    /// A job id is not 1 to 63 printable ASCII characters.
    #[error("the job id is not a string of 1 to 63 printable ASCII characters")]
    JobIdForm,
    /// A job's header is not 286 bytes in hex.
    #[error("the job's header is not a string of 572 hex digits")]
    HeaderForm,
    /// The clean flag of `mining.notify` is not true.
    #[error("the clean flag of mining.notify is not true")]
    CleanIsNotTrue,
    /// The header under a job id has changed.
    #[error("the header under the job id has changed")]
    JobBytesChanged,
    /// The first `mining.notify` precedes the first `mining.set_target`.
    #[error("mining.notify before the first mining.set_target")]
    JobWithoutTarget,
    /// The device has tried all nonces of its work.
    #[error("no new work before the device had tried all nonces")]
    WorkExhausted,
    /// A request of the login is not answered in time.
    #[error("the login was not answered in time")]
    LoginTimeout,
    /// No line arrived for a minute.
    #[error("no line for a minute")]
    Silence,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
}

/// A broken rule and the line that broke it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The first 200 characters of the line. If no line broke the rule, the last received line.
    pub line: String,
}

impl Violation {
    /// Number of characters kept of a line.
    const LINE_CHARACTERS: usize = 200;

    pub(crate) fn new(rule: Rule, line: &[u8]) -> Self {
        let line = String::from_utf8_lossy(line);
        Self {
            rule,
            line: line
                .trim_end()
                .chars()
                .take(Self::LINE_CHARACTERS)
                .collect(),
        }
    }
}
