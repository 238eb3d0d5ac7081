//! Lenient parser of a server's lines, as far as the load generator needs them.
//!
//! It does not check the protocol; the emulated devices do.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::nonce::NonceSplit;

/// A line from the server.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// The answer to the request with this id.
    Answer {
        id: u64,
        /// Error code of a refusal, 0 without a code; `None` for success.
        rejected: Option<i64>,
        /// The result as JSON text.
        result: &'a str,
    },
    /// A job: its id and its header in hex.
    Notify {
        job_id: Cow<'a, str>,
        header_hex: Cow<'a, str>,
    },
    /// A target in big-endian hex.
    SetTarget(Cow<'a, str>),
    /// An echoed `mining.submit`.
    Echo { id: u64 },
    /// Another method.
    Other,
}

#[derive(Deserialize)]
struct Object<'a> {
    id: Option<u64>,
    #[serde(borrow, default)]
    method: Option<&'a str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct NotifyParams<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(default)]
    #[expect(dead_code, reason = "the clean flag is parsed and ignored")]
    Option<bool>,
);

/// Parses a line without its newline; returns `None` if it is malformed.
pub(super) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let object: Object<'_> = serde_json::from_slice(line).ok()?;
    let params = object.params.map(RawValue::get);
    Some(match object.method {
        Some("mining.notify") => {
            let NotifyParams(job_id, header_hex, _) = serde_json::from_str(params?).ok()?;
            Line::Notify { job_id, header_hex }
        }
        Some("mining.set_target") => {
            let (target,) = serde_json::from_str(params?).ok()?;
            Line::SetTarget(target)
        }
        Some("mining.submit") => Line::Echo { id: object.id? },
        Some(_) => Line::Other,
        None => {
            let result = object.result.map_or("null", RawValue::get);
            let failed = matches!(result, "null" | "false");
            let code = |error: &RawValue| element(error.get(), 0);
            Line::Answer {
                id: object.id?,
                rejected: failed.then(|| object.error.and_then(code).unwrap_or(0)),
                result,
            }
        }
    })
}

/// Parses an element of an array.
fn element<'a, T: Deserialize<'a>>(array: &'a str, index: usize) -> Option<T> {
    let elements: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    serde_json::from_str(elements.get(index)?.get()).ok()
}

/// Returns nonce1 of a result of `mining.subscribe`.
pub(super) fn nonce1(result: &str) -> Option<NonceSplit> {
    NonceSplit::from_be_hex(element(result, 1)?)
}

#[cfg(test)]
mod tests {
    use super::{Line, nonce1, parse};

    fn check<'a>(table: impl IntoIterator<Item = (&'a str, Option<Line<'a>>)>) {
        for (line, expected) in table {
            assert_eq!(parse(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn answers_are_successes_or_refusals() {
        let answer = |id, rejected, result| {
            Some(Line::Answer {
                id,
                rejected,
                result,
            })
        };
        check([
            (
                r#"{"result":true,"error":null,"id":3}"#,
                answer(3, None, "true"),
            ),
            (
                r#"{"id":3,"result":[null,"09e8",6]}"#,
                answer(3, None, r#"[null,"09e8",6]"#),
            ),
            (
                r#"{"id":4,"result":false,"error":[23,"low difficulty share",null]}"#,
                answer(4, Some(23), "false"),
            ),
            (
                r#"{"id":4,"result":null,"error":[31,"x",null]}"#,
                answer(4, Some(31), "null"),
            ),
            (
                r#"{"id":4,"result":false,"error":null}"#,
                answer(4, Some(0), "false"),
            ),
            (r#"{"id":"4","result":true,"error":null}"#, None),
            (r#"{"id":null,"result":true,"error":null}"#, None),
            ("", None),
        ]);
    }

    #[test]
    fn notifications_are_parsed_with_and_without_the_clean_flag() {
        let notify = || {
            Some(Line::Notify {
                job_id: "0a".into(),
                header_hex: "beef".into(),
            })
        };
        check([
            (
                r#"{"id":null,"method":"mining.notify","params":["0a","beef",true]}"#,
                notify(),
            ),
            (
                r#"{"method":"mining.notify","params":["0a","beef"]}"#,
                notify(),
            ),
            (r#"{"method":"mining.notify","params":["0a"]}"#, None),
            (
                r#"{"method":"mining.set_target","params":["00ff"]}"#,
                Some(Line::SetTarget("00ff".into())),
            ),
            (
                r#"{"method":"mining.set_difficulty","params":[1]}"#,
                Some(Line::Other),
            ),
            (
                r#"{"id":9,"method":"mining.submit","params":["u","0a","00"]}"#,
                Some(Line::Echo { id: 9 }),
            ),
        ]);
    }

    #[test]
    fn nonce1_is_the_second_element_of_any_result() {
        #[track_caller]
        fn check(result: &str, expected: Option<(u64, u32)>) {
            let bits = nonce1(result).map(|split| (split.nonce(0).get(), split.nonce2_bits()));
            assert_eq!(bits, expected.map(|(nonce, bytes)| (nonce, 64 - 8 * bytes)));
        }
        check(r#"[null,"09e8",6]"#, Some((0x09e8, 2)));
        check(r#"[[["mining.notify","1"]],"4059",6]"#, Some((0x4059, 2)));
        check(r#"[null,"",8]"#, Some((0, 0)));
        check(r#"[null,"9e8",6]"#, None);
        check("true", None);
    }
}
