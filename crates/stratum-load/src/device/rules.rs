//! What a server must do for the devices to mine on it.
//!
//! A rule is broken by a line, by the lack of one, or by what the device then cannot help doing. The list holds what
//! is known of the firmwares and what any client needs; it is no reading of a standard, of which there is none.

use serde::Serialize;

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A line is JSON.
    #[error("a line is a JSON object")]
    NotJson,
    /// A line ends before the next object begins.
    #[error("a line holds one object only")]
    GluedObjects,
    /// A line has a bounded length.
    #[error("a line has at most 64 KiB")]
    LineTooLong,
    /// The first line after `mining.subscribe` is its answer.
    #[error("the first line after mining.subscribe is its answer")]
    FirstLineIsNotTheAnswer,
    /// No line that the device does not know comes before the login is through.
    #[error("until mining.authorize is answered only known notifications come")]
    UnknownLineDuringLogin,
    /// Ids come back as the integers that they are.
    #[error("an answer's id is an integer")]
    IdIsNotAnInteger,
    /// Every answer belongs to a request.
    #[error("an answer's id is that of a request without an answer")]
    AnswerToNothing,
    /// Requests are answered in their order.
    #[error("requests are answered in their order")]
    AnswersOutOfOrder,
    /// `result` is present.
    #[error("an answer has a result")]
    ResultMissing,
    /// `error` is present, an array or null.
    #[error("an answer's error is an array or null")]
    ErrorForm,
    /// An answer that is a failure says why.
    #[error("a failure's error is not null")]
    FailureWithoutError,
    /// `mining.subscribe` gives an array.
    #[error("the answer to mining.subscribe is an array of three")]
    SubscribeResultForm,
    /// nonce1 is hex of even length.
    #[error("nonce1 is a hex string of even length")]
    Nonce1Form,
    /// nonce2 has a length that the device can use, and with nonce1 gives eight bytes.
    #[error("nonce2 has a number of bytes that the device can use, eight with nonce1")]
    Nonce2Length,
    /// A login succeeds.
    #[error("mining.subscribe and mining.authorize succeed")]
    LoginRefused,
    /// Targets are 64 hex digits.
    #[error("a target is a string of exactly 64 hex digits")]
    TargetForm,
    /// Job ids are short printable ASCII.
    #[error("a job id is a string of 1 to 63 printable ASCII characters")]
    JobIdForm,
    /// Headers are 286 bytes of hex.
    #[error("a job's header is a string of exactly 572 hex digits")]
    HeaderForm,
    /// The clean flag is true.
    #[error("the clean flag of mining.notify is true")]
    CleanIsNotTrue,
    /// A job is what it was.
    #[error("a job id always stands for the same header")]
    JobBytesChanged,
    /// A target comes before the first job.
    #[error("mining.set_target comes before the first mining.notify")]
    JobWithoutTarget,
    /// Work is replaced before all its nonces are tried.
    #[error("new work comes before the device has tried all nonces")]
    WorkExhausted,
    /// A request of the login is answered in time.
    #[error("a request of the login is answered in time")]
    LoginTimeout,
    /// Lines keep coming.
    #[error("a line comes at least every minute")]
    Silence,
    /// The server does not close the connection.
    #[error("the connection stays open")]
    Closed,
}

/// A rule that the server broke, and the line that broke it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The beginning of the line, or the last one before the server failed to do something.
    pub line: String,
}

impl Violation {
    /// What is kept of a line.
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
