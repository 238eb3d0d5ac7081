//! Requests as the server reads them.
//!
//! Lenient where firmwares differ: parameters beyond the known ones are ignored, missing optional ones are taken as
//! empty, and a request without an id counts as one with the id `null`. The id of a request is kept as the bytes that
//! came, and survives whatever else of the request is wrong.

mod plain;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text;

/// The id of a request: any JSON value, kept verbatim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// The id of what has none.
    pub const NULL: Self = Self("null");

    /// The JSON of the id as it came.
    pub const fn as_json(self) -> &'a str {
        self.0
    }
}

/// A line that was read as a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What the answer has to carry.
    pub id: Id<'a>,
    /// What is asked, or why that cannot be told.
    pub call: Result<Call<'a>, BadRequest>,
}

/// What is asked of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// `mining.subscribe`
    Subscribe {
        /// What the device calls itself; empty if it does not say.
        agent: Cow<'a, str>,
    },
    /// `mining.authorize`
    Authorize {
        /// `account` or `account.worker`.
        user: Cow<'a, str>,
        /// Empty if it is left out.
        password: Cow<'a, str>,
    },
    /// `mining.submit`
    Submit {
        /// The job's id as the client writes it, a string or the digits of a number.
        job: Cow<'a, str>,
        /// The client's part of the nonce in hex.
        nonce2: Cow<'a, str>,
    },
    /// `mining.extranonce.subscribe`
    ExtranonceSubscribe,
    /// `mining.configure`
    Configure,
    /// `mining.ping`
    Ping,
    /// Any other method.
    Unknown(Cow<'a, str>),
}

/// Why a line is not a request that can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadRequest {
    /// Not one JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The method is missing or not a string.
    #[error("no method")]
    NoMethod,
    /// The parameters are too few or of the wrong kind for the method.
    #[error("invalid parameters")]
    Parameters,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// Reads one line. Never fails as a whole, since every line deserves an answer.
    pub fn parse(line: &'a [u8]) -> Self {
        plain::submission(line).unwrap_or_else(|| Self::general(line))
    }

    /// As [`Request::parse`], for any JSON.
    fn general(line: &'a [u8]) -> Self {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'a>>(line) else {
            return Self {
                id: Id::NULL,
                call: Err(BadRequest::NotAnObject),
            };
        };
        // A derived structure can be read from an array too.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Self {
                id: Id::NULL,
                call: Err(BadRequest::NotAnObject),
            };
        }
        Self {
            id: envelope.id.map_or(Id::NULL, |raw| Id(raw.get())),
            call: envelope.call(),
        }
    }
}

impl<'a> Envelope<'a> {
    fn call(&self) -> Result<Call<'a>, BadRequest> {
        let method = self
            .method
            .and_then(text::string)
            .ok_or(BadRequest::NoMethod)?;
        let optional = |raw: Option<&'a RawValue>| raw.and_then(text::string).unwrap_or_default();
        Ok(match &*method {
            "mining.submit" => {
                let params = self.params()?;
                let job = params.0[1].and_then(text::string_or_number);
                let nonce2 = params.0[2].and_then(text::string);
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
                let user = params.0[0].and_then(text::string);
                Call::Authorize {
                    user: user.ok_or(BadRequest::Parameters)?,
                    password: optional(params.0[1]),
                }
            }
            "mining.extranonce.subscribe" => Call::ExtranonceSubscribe,
            "mining.configure" => Call::Configure,
            "mining.ping" => Call::Ping,
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

/// The first parameters, as many as any method has that is known here.
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

#[cfg(test)]
mod tests {
    use super::{BadRequest, Call, Request};

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
    fn requests_of_all_known_devices_are_read() {
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
    fn what_is_wrong_is_told_and_the_id_kept() {
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
    fn deep_nesting_is_read_without_recursion() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let line = format!(r#"{{"id":{deep},"method":"mining.ping","params":{deep}}}"#);
        check(&line, &deep, Ok(Call::Ping));
        let line = format!(r#"{{"id":1,"method":"mining.subscribe","params":{deep}}}"#);
        check(&line, "1", Ok(Call::Subscribe { agent: "".into() }));
    }
}
