//! Parses requests.
//!
//! Lenient where firmwares differ: surplus parameters are ignored, missing optional ones are empty,
//! and a request without an id has the id `null`. Of a repeated key, the first counts. Newer
//! Goldshell firmware adds the chain to `mining.submit`; the iBeLink BM-K1 sends one parameter with
//! `mining.subscribe`. The id is kept verbatim, also if the rest of the request is invalid.

mod plain;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The id of a request: any JSON value, verbatim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// The id of a request without one.
    pub(crate) const NULL: Self = Self("null");

    /// Returns the JSON text.
    pub(crate) const fn as_json(self) -> &'a str {
        self.0
    }
}

/// A line from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The id that the answer repeats.
    pub(crate) id: Id<'a>,
    /// The method with its parameters, or the error to answer.
    pub(crate) call: Result<Call<'a>, BadRequest>,
}

/// A method with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    /// `mining.subscribe`
    Subscribe {
        /// The name and version of the firmware; empty if left out.
        agent: Cow<'a, str>,
    },
    /// `mining.authorize`
    Authorize {
        /// `account` or `account.worker`.
        user: Cow<'a, str>,
        /// Empty if left out.
        password: Cow<'a, str>,
    },
    /// `mining.submit`
    Submit {
        /// The job id: a string, or the text of a number.
        job: Cow<'a, str>,
        /// The client's part of the nonce in hex, most significant digit first.
        nonce2: Cow<'a, str>,
    },
    /// `mining.extranonce.subscribe`
    ExtranonceSubscribe,
    /// `mining.configure`
    Configure,
    /// `mining.ping`
    Ping,
    /// `mining.suggest_difficulty`
    SuggestDifficulty {
        /// A string, or the JSON text of another value; empty if left out.
        difficulty: Cow<'a, str>,
    },
    /// `mining.suggest_target`
    SuggestTarget {
        /// As above.
        target: Cow<'a, str>,
    },
    /// Any other method.
    Unknown(Cow<'a, str>),
}

/// The reason why a line is not a valid request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadRequest {
    /// The line is not one JSON object.
    NotAnObject,
    /// The method is missing or not a string.
    NoMethod,
    /// A parameter that the method needs is missing or of the wrong type.
    Parameters,
}

/// The values of the known keys; `None` for a missing one and for `null`.
#[derive(Default)]
struct Envelope<'a> {
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    Id,
    Method,
    Params,
    #[serde(other)]
    Other,
}

/// Reads an object. Of a repeated key, the first counts.
impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                // The outer `None` is a key not seen yet.
                let (mut id, mut method, mut params) = (None, None, None);
                while let Some(key) = entries.next_key::<Key>()? {
                    let place = match key {
                        Key::Id => &mut id,
                        Key::Method => &mut method,
                        Key::Params => &mut params,
                        Key::Other => {
                            entries.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let value = entries.next_value::<Option<&RawValue>>()?;
                    place.get_or_insert(value);
                }
                Ok(Envelope {
                    id: id.flatten(),
                    method: method.flatten(),
                    params: params.flatten(),
                })
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'a> Request<'a> {
    /// Parses one line. Any line makes a request, since any line is answered.
    pub fn parse(line: &'a [u8]) -> Self {
        plain::parse(line).map_or_else(|| Self::parse_json(line), |plain| Self::submission(&plain))
    }

    fn submission(plain: &plain::Submission<'a>) -> Self {
        Self {
            id: Id(plain.id),
            call: Ok(Call::Submit {
                job: plain.job.into(),
                nonce2: plain.nonce2.into(),
            }),
        }
    }

    /// As [`Request::parse`], by the JSON parser alone.
    fn parse_json(line: &'a [u8]) -> Self {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'a>>(line) else {
            return Self {
                id: Id::NULL,
                call: Err(BadRequest::NotAnObject),
            };
        };
        Self {
            id: envelope.id.map_or(Id::NULL, |raw| Id(raw.get())),
            call: envelope.call(),
        }
    }
}

impl<'a> Envelope<'a> {
    fn call(&self) -> Result<Call<'a>, BadRequest> {
        let method = self.method.and_then(string).ok_or(BadRequest::NoMethod)?;
        let optional = |raw: Option<&'a RawValue>| raw.and_then(string).unwrap_or_default();
        Ok(match &*method {
            "mining.submit" => {
                let params = self.params()?;
                let job = params.0[1].and_then(string_or_number);
                let nonce2 = params.0[2].and_then(string);
                Call::Submit {
                    job: job.ok_or(BadRequest::Parameters)?,
                    nonce2: nonce2.ok_or(BadRequest::Parameters)?,
                }
            }
            "mining.subscribe" => Call::Subscribe {
                agent: optional(self.params()?.0[0]),
            },
            "mining.authorize" => {
                let params = self.params()?;
                let user = params.0[0].and_then(string);
                Call::Authorize {
                    user: user.ok_or(BadRequest::Parameters)?,
                    password: optional(params.0[1]),
                }
            }
            "mining.extranonce.subscribe" => Call::ExtranonceSubscribe,
            "mining.configure" => Call::Configure,
            "mining.ping" => Call::Ping,
            "mining.suggest_difficulty" => Call::SuggestDifficulty {
                difficulty: text(self.params()?.0[0]),
            },
            "mining.suggest_target" => Call::SuggestTarget {
                target: text(self.params()?.0[0]),
            },
            _ => Call::Unknown(method),
        })
    }

    fn params(&self) -> Result<Params<'a>, BadRequest> {
        match self.params {
            None => Ok(Params::default()),
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| BadRequest::Parameters),
        }
    }
}

/// The first three parameters: no known method uses more.
#[derive(Default)]
struct Params<'a>([Option<&'a RawValue>; 3]);

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Params<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                let mut params = Params::default();
                for param in &mut params.0 {
                    match values.next_element::<&RawValue>()? {
                        Some(raw) => *param = Some(raw),
                        None => return Ok(params),
                    }
                }
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(params)
            }
        }
        deserializer.deserialize_seq(First)
    }
}

/// Returns the string that `raw` holds, or `None` for any other type and for invalid escapes.
/// Copies only strings with escapes.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Returns the string that `raw` holds, or the JSON text of another value.
fn text(raw: Option<&RawValue>) -> Cow<'_, str> {
    raw.map_or_else(Cow::default, |raw| {
        string(raw).unwrap_or(Cow::Borrowed(raw.get()))
    })
}

/// Returns the string that `raw` holds, or the text of a number.
fn string_or_number(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        Some(Cow::Borrowed(text))
    } else {
        string(raw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BadRequest, Call, Request, plain};

    #[track_caller]
    fn check(line: &str, id: &str, call: Result<Call<'_>, BadRequest>) {
        let request = Request::parse(line.as_bytes());
        assert_eq!((request.id.as_json(), request.call), (id, call));
    }

    fn submit(job: &'static str, nonce2: &'static str) -> Call<'static> {
        Call::Submit {
            job: job.into(),
            nonce2: nonce2.into(),
        }
    }

    #[test]
    fn requests_of_all_known_devices_parse() {
        let subscribe = |agent: &'static str| {
            Ok(Call::Subscribe {
                agent: agent.into(),
            })
        };
        check(
            r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#,
            "1",
            subscribe("GodMiner/2.0.0"),
        );
        check(
            r#"{"id":0,"method":"mining.subscribe","params":[]}"#,
            "0",
            subscribe(""),
        );
        check(
            r#"{"id":"x","method":"mining.subscribe"}"#,
            "\"x\"",
            subscribe(""),
        );
        check(
            r#"{"id":1,"method":"mining.subscribe","params":["a\u0041",null,"host",1917]}"#,
            "1",
            subscribe("aA"),
        );
        check(
            r#"{"params":["k:ab.rig1",""],"method":"mining.authorize","id":2}"#,
            "2",
            Ok(Call::Authorize {
                user: "k:ab.rig1".into(),
                password: "".into(),
            }),
        );
        let job = "1a2b3c4d";
        check(
            r#"{"id":9,"method":"mining.submit","params":["u.w","1a2b3c4d","00000000002a"]}"#,
            "9",
            Ok(submit(job, "00000000002a")),
        );
        check(
            r#"{"id":9,"method":"mining.submit","params":["u.w",12345678,"2a","7",{"x":[]}]}"#,
            "9",
            Ok(submit("12345678", "2a")),
        );
        check(
            r#"{"method":"mining.ping","id":[1,{"a":null}]}"#,
            r#"[1,{"a":null}]"#,
            Ok(Call::Ping),
        );
        check(
            r#"{"method":"mining.get_transactions","params":{},"id":1.50}"#,
            "1.50",
            Ok(Call::Unknown("mining.get_transactions".into())),
        );
    }

    #[test]
    fn the_first_of_repeated_keys_counts() {
        let ping = Ok(Call::Ping);
        check(
            r#"{"id":1,"method":"mining.ping","id":2}"#,
            "1",
            ping.clone(),
        );
        check(
            r#"{"id":null,"\u0069d":2,"method":"mining.ping","method":3}"#,
            "null",
            ping,
        );
        let line = LINE.replace(
            "]}",
            r#"],"params":[],"jsonrpc":1,"jsonrpc":2,"method":"x"}"#,
        );
        let request = Request::parse(line.as_bytes());
        assert_eq!(request, Request::parse(LINE.as_bytes()));
    }

    #[test]
    fn errors_name_the_reason_and_keep_the_id() {
        check("GET / HTTP/1.1", "null", Err(BadRequest::NotAnObject));
        check(
            "[1,\"mining.ping\",[]]",
            "null",
            Err(BadRequest::NotAnObject),
        );
        check("{\"id\":1", "null", Err(BadRequest::NotAnObject));
        check("null", "null", Err(BadRequest::NotAnObject));
        check("{}", "null", Err(BadRequest::NoMethod));
        check(r#"{"id":7,"method":5}"#, "7", Err(BadRequest::NoMethod));
        check(
            r#"{"id":7,"result":true,"error":null}"#,
            "7",
            Err(BadRequest::NoMethod),
        );
        let parameters = Err(BadRequest::Parameters);
        check(
            r#"{"id":7,"method":"mining.submit"}"#,
            "7",
            parameters.clone(),
        );
        check(
            r#"{"id":7,"method":"mining.submit","params":["u","j"]}"#,
            "7",
            parameters.clone(),
        );
        check(
            r#"{"id":7,"method":"mining.submit","params":["u",null,"00"]}"#,
            "7",
            parameters.clone(),
        );
        check(
            r#"{"id":7,"method":"mining.submit","params":["u","j",5]}"#,
            "7",
            parameters.clone(),
        );
        check(
            r#"{"id":7,"method":"mining.authorize","params":{"user":"u"}}"#,
            "7",
            parameters.clone(),
        );
        check(
            r#"{"id":7,"method":"mining.authorize","params":[1]}"#,
            "7",
            parameters,
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_not_a_request() {
        let request = Request::parse(b"{\"id\":1,\"method\":\"\xff\"}");
        assert_eq!(request.call, Err(BadRequest::NotAnObject));
    }

    #[test]
    fn deep_nesting_parses_without_recursion() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let line = format!(r#"{{"id":{deep},"method":"mining.ping","params":{deep}}}"#);
        check(&line, &deep, Ok(Call::Ping));
        let line = format!(r#"{{"id":1,"method":"mining.subscribe","params":{deep}}}"#);
        check(&line, "1", Ok(Call::Subscribe { agent: "".into() }));
    }

    const LINE: &str =
        r#"{"id":12,"method":"mining.submit","params":["k:ab.rig","0a1b2c3d","00000000002a"]}"#;

    #[track_caller]
    fn check_plain(line: &str, is_plain: bool) {
        let read = plain::parse(line.as_bytes()).map(|plain| Request::submission(&plain));
        assert_eq!(read.is_some(), is_plain, "{line}");
        let general = Request::parse_json(line.as_bytes());
        assert!(read.is_none_or(|read| read == general), "{line}");
    }

    #[test]
    fn submissions_of_devices_parse_fast_and_as_json_does() {
        check_plain(LINE, true);
        check_plain(&LINE.replace(',', " , ").replace(':', ": "), true);
        check_plain(
            r#"{"params":["u","a","b","0",""],"id":0,"method":"mining.submit"}"#,
            true,
        );
        check_plain(&LINE.replace("12", "01"), false);
        check_plain(&LINE.replace("12", "1.5"), false);
        check_plain(&LINE.replace("12", "null"), false);
        check_plain(&LINE.replace("rig", "\\u0041"), false);
        check_plain(&LINE.replace("rig", "ré"), false);
        check_plain(&LINE.replace("rig", "r\u{1}"), false);
        check_plain(&LINE.replace("submit", "submi"), false);
        check_plain(&LINE.replace("\"00000000002a\"", "7"), false);
        check_plain(&LINE.replace(",\"00000000002a\"", ""), false);
        check_plain(&LINE.replace("]}", "]}}"), false);
        check_plain(&LINE.replace("]}", "],}"), false);
        check_plain(&LINE.replace("]}", ",]}"), false);
        check_plain(&LINE.replace("]}", "],\"id\":1}"), false);
        check_plain(&LINE.replace("\"id\":12,", ""), false);
        check_plain("", false);
    }

    proptest! {
        #[test]
        fn the_fast_parser_agrees_with_json_on_damaged_lines(
            changes in prop::collection::vec((0..LINE.len(), prop::sample::select(&b"{}[]\"\\:,0a \n\xff"[..])), 0..4),
            length in 0..=LINE.len()
        ) {
            for length in [length, LINE.len()] {
                let mut line = LINE.as_bytes()[..length].to_vec();
                for &(at, byte) in changes.iter().filter(|(at, _)| *at < length) {
                    line[at] = byte;
                }
                if let Some(read) = plain::parse(&line) {
                    prop_assert_eq!(Request::submission(&read), Request::parse_json(&line));
                }
            }
        }
    }
}
