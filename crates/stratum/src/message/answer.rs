//! Answers to requests.
//!
//! `result` and `error` are always present, and an error is an array of three: some firmwares treat
//! any other form as a failed login, others crash on it. The error codes are those of NOMP:
//! `zone117x/node-stratum-pool`, `lib/jobManager.js` (20 to 23) and `lib/stratum.js` (24, 25).

use crate::message::request::{BadRequest, Id};

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The request was carried out, or the share accepted.
    True,
    /// To `mining.subscribe`.
    Subscribed {
        /// The server's part of the nonce: two hex digits per byte, most significant digit first.
        nonce1: &'a str,
        /// The number of bytes of the client's part.
        nonce2_size: u8,
    },
    /// To `mining.configure`: no extension is supported.
    Configured,
    /// To `mining.ping`.
    Pong,
    /// The share is refused: `result` is `false`.
    Rejected(Refusal),
    /// The request is refused: `result` is `null`.
    Refused(Refusal),
}

/// The reason why a share or request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The line is not a valid request.
    BadRequest(BadRequest),
    /// The method is unknown.
    UnknownMethod,
    /// The client's part of the nonce is not hex, or too long.
    BadNonce2,
    /// All values of nonce1 are in use.
    NoNonce1,
    /// The job accepts no more shares.
    JobFull,
    /// No recent job of the session has this id.
    JobNotFound,
    /// The work was retired longer ago than the grace period; the share was good otherwise.
    Stale,
    /// The nonce was accepted before.
    Duplicate,
    /// The hash is above the share target.
    LowDifficulty,
    /// The client has not sent `mining.authorize`.
    Unauthorized,
    /// The client has not sent `mining.subscribe`.
    NotSubscribed,
}

impl Refusal {
    /// Returns the error code and the message, which needs no escapes in JSON.
    const fn error(self) -> (u8, &'static str) {
        match self {
            Self::BadRequest(BadRequest::NotAnObject) => (20, "not a JSON object"),
            Self::BadRequest(BadRequest::NoMethod) => (20, "no method"),
            Self::BadRequest(BadRequest::Parameters) => (20, "invalid parameters"),
            Self::UnknownMethod => (20, "unknown method"),
            Self::BadNonce2 => (20, "invalid nonce2"),
            Self::NoNonce1 => (20, "no nonce space left"),
            Self::JobFull => (20, "too many shares for this job"),
            Self::JobNotFound => (21, "job not found"),
            Self::Stale => (21, "stale job"),
            Self::Duplicate => (22, "duplicate share"),
            Self::LowDifficulty => (23, "low difficulty share"),
            Self::Unauthorized => (24, "unauthorized worker"),
            Self::NotSubscribed => (25, "not subscribed"),
        }
    }
}

/// The length in bytes of the most frequent answer, without its id.
const SHORT: usize = br#"{"result":true,"error":null,"id":}"#.len() + 1;

impl Answer<'_> {
    /// Appends the answer to the request `id` as a line.
    pub(crate) fn write(self, id: Id<'_>, out: &mut Vec<u8>) {
        out.reserve(SHORT + id.as_json().len());
        match self {
            Self::True => out.extend_from_slice(br#"{"result":true,"error":null,"id":"#),
            Self::Subscribed {
                nonce1,
                nonce2_size,
            } => {
                out.extend_from_slice(br#"{"result":[null,"#);
                let result = format!("\"{nonce1}\",{nonce2_size}],\"error\":null,\"id\":");
                out.extend_from_slice(result.as_bytes());
            }
            Self::Configured => out.extend_from_slice(br#"{"result":{},"error":null,"id":"#),
            Self::Pong => out.extend_from_slice(br#"{"result":"pong","error":null,"id":"#),
            Self::Rejected(refusal) => write_refusal("false", refusal, out),
            Self::Refused(refusal) => write_refusal("null", refusal, out),
        }
        out.extend_from_slice(id.as_json().as_bytes());
        out.extend_from_slice(b"}\n");
    }
}

fn write_refusal(result: &str, refusal: Refusal, out: &mut Vec<u8>) {
    let (code, reason) = refusal.error();
    let start = format!(r#"{{"result":{result},"error":[{code},"{reason}",null],"id":"#);
    out.extend_from_slice(start.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Answer, Refusal};
    use crate::message::request::{Id, Request};

    #[test]
    fn answers_are_byte_exact_and_end_with_the_id_verbatim() {
        #[track_caller]
        fn check(answer: Answer<'_>, id: &str, line: &str) {
            let request = format!(r#"{{"id":{id},"method":"m"}}"#);
            let mut out = Vec::new();
            answer.write(Request::parse(request.as_bytes()).id, &mut out);
            assert_eq!(String::from_utf8(out), Ok(format!("{line}\n")));
        }
        check(Answer::True, "9", r#"{"result":true,"error":null,"id":9}"#);
        check(
            Answer::Subscribed {
                nonce1: "09e8",
                nonce2_size: 6,
            },
            "1",
            r#"{"result":[null,"09e8",6],"error":null,"id":1}"#,
        );
        check(
            Answer::Configured,
            "1.0e2",
            r#"{"result":{},"error":null,"id":1.0e2}"#,
        );
        check(
            Answer::Pong,
            r#""\u0031""#,
            r#"{"result":"pong","error":null,"id":"\u0031"}"#,
        );
        check(
            Answer::Rejected(Refusal::LowDifficulty),
            "[1, 2]",
            r#"{"result":false,"error":[23,"low difficulty share",null],"id":[1, 2]}"#,
        );
        check(
            Answer::Refused(Refusal::UnknownMethod),
            "null",
            r#"{"result":null,"error":[20,"unknown method",null],"id":null}"#,
        );
    }

    #[test]
    fn reasons_need_no_escapes() {
        use crate::message::BadRequest::{NoMethod, NotAnObject, Parameters};
        for refusal in [
            Refusal::BadRequest(NotAnObject),
            Refusal::BadRequest(NoMethod),
            Refusal::BadRequest(Parameters),
            Refusal::UnknownMethod,
            Refusal::BadNonce2,
            Refusal::NoNonce1,
            Refusal::JobFull,
            Refusal::JobNotFound,
            Refusal::Stale,
            Refusal::Duplicate,
            Refusal::LowDifficulty,
            Refusal::Unauthorized,
            Refusal::NotSubscribed,
        ] {
            let mut out = Vec::new();
            Answer::Rejected(refusal).write(Id::NULL, &mut out);
            let line: serde_json::Value = serde_json::from_slice(&out).expect("it is JSON");
            let (code, reason) = refusal.error();
            let error = serde_json::json!([code, reason, null]);
            assert_eq!(line["error"], error);
        }
    }
}
