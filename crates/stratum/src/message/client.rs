//! The conversation seen from a miner: requests as it writes them, lines as it reads them.
//!
//! Faithful rather than lenient: what a device would stumble over (a missing `result`, an id of another kind, a job id
//! that is not text) stays visible to the caller, so that a test device can judge a server by it.

use std::borrow::Cow;

use serde::de::{Deserialize as _, Deserializer};
use serde_json::value::RawValue;

use super::text;

/// Appends a request with these parameters, each of which is JSON.
pub fn write_request(id: u64, method: &str, params: &[&RawValue], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{{\"id\":{id},\"method\":").as_bytes());
    text::write_string(method, out);
    out.extend_from_slice(b",\"params\":[");
    for (place, param) in params.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(param.get().as_bytes());
    }
    out.extend_from_slice(b"]}\n");
}

/// Appends `mining.subscribe` with the agent alone, as the iBeLink BM-K1 does.
pub fn write_subscribe(id: u64, agent: &str, out: &mut Vec<u8>) {
    write_strings(id, "mining.subscribe", &[agent], out);
}

/// Appends `mining.subscribe` with an agent and the session to resume, `null` if there is none.
pub fn write_subscribe_resuming(id: u64, agent: &str, session: Option<&str>, out: &mut Vec<u8>) {
    let raw = |value: Option<&str>| {
        serde_json::value::to_raw_value(&value).expect("text and null are JSON")
    };
    let (agent, session) = (raw(Some(agent)), raw(session));
    write_request(id, "mining.subscribe", &[&agent, &session], out);
}

/// Appends `mining.authorize`.
pub fn write_authorize(id: u64, user: &str, password: &str, out: &mut Vec<u8>) {
    write_strings(id, "mining.authorize", &[user, password], out);
}

/// Appends `mining.submit`. `more` are parameters behind the usual three: newer Goldshell firmware adds the chain.
pub fn write_submit(id: u64, share: Submit<'_>, more: &[&str], out: &mut Vec<u8>) {
    let usual = [share.user, share.job, share.nonce2];
    if more.is_empty() {
        write_strings(id, "mining.submit", &usual, out);
    } else {
        write_strings(id, "mining.submit", &[&usual, more].concat(), out);
    }
}

/// A share as a client hands it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submit<'a> {
    /// `account.worker`
    pub user: &'a str,
    /// The job's id as the server wrote it.
    pub job: &'a str,
    /// The client's part of the nonce in hex, most significant digit first.
    pub nonce2: &'a str,
}

fn write_strings(id: u64, method: &str, params: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{{\"id\":{id},\"method\":").as_bytes());
    text::write_string(method, out);
    out.extend_from_slice(b",\"params\":");
    serde_json::to_writer(&mut *out, params).expect("strings are JSON and memory takes them");
    out.extend_from_slice(b"}\n");
}

/// A line that came from a server.
#[derive(Clone, Debug)]
pub enum ServerLine<'a> {
    /// The answer to a request.
    Reply(Reply<'a>),
    /// `mining.set_target`: the parameter as it came, 64 hex digits if the server keeps to the protocol.
    SetTarget(Cow<'a, str>),
    /// `mining.notify`
    Notify(Notify<'a>),
    /// Any other notification or request.
    Other {
        /// Its method.
        method: Cow<'a, str>,
        /// Its parameters as they came, if there are any.
        params: Option<&'a RawValue>,
    },
}

/// An answer to a request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The id as it came; `None` if there is none.
    pub id: Option<&'a RawValue>,
    /// The result, `null` included; `None` if the key is missing.
    pub result: Option<&'a RawValue>,
    /// The error, `null` included; `None` if the key is missing.
    pub error: Option<&'a RawValue>,
}

/// What a server says of the nonce when it is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// The server's part in hex.
    pub nonce1: Cow<'a, str>,
    /// The size in bytes of the client's part.
    pub nonce2_size: i64,
}

/// A job as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify<'a> {
    /// The job's id, a string or the digits of a number.
    pub job: Cow<'a, str>,
    /// The header in hex.
    pub header: Cow<'a, str>,
    /// Whether older jobs are to be dropped.
    pub clean: Clean,
}

/// The third parameter of `mining.notify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clean {
    /// `true`: drop older jobs.
    Yes,
    /// `false`, or left out.
    No,
    /// Something else.
    Odd,
}

/// Why a line is not one of a Stratum server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// Not one JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The method is not a string.
    #[error("the method is not a string")]
    Method,
    /// The parameters are too few or of the wrong kind for the method.
    #[error("invalid parameters")]
    Parameters,
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// A key that is there, even if with `null`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

impl<'a> ServerLine<'a> {
    /// Reads one line.
    pub fn parse(line: &'a [u8]) -> Result<Self, BadLine> {
        let envelope: Envelope<'a> =
            serde_json::from_slice(line).map_err(|_| BadLine::NotAnObject)?;
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(BadLine::NotAnObject);
        }
        let Some(method) = envelope.method else {
            return Ok(Self::Reply(Reply {
                id: envelope.id,
                result: envelope.result,
                error: envelope.error,
            }));
        };
        let method = text::string(method).ok_or(BadLine::Method)?;
        let params = || -> Result<Vec<&'a RawValue>, BadLine> {
            let raw = envelope.params.ok_or(BadLine::Parameters)?;
            serde_json::from_str(raw.get()).map_err(|_| BadLine::Parameters)
        };
        match &*method {
            "mining.set_target" => {
                let target = params()?.first().and_then(|raw| text::string(raw));
                Ok(Self::SetTarget(target.ok_or(BadLine::Parameters)?))
            }
            "mining.notify" => {
                let params = params()?;
                let job = params.first().and_then(|raw| text::string_or_number(raw));
                let header = params.get(1).and_then(|raw| text::string(raw));
                Ok(Self::Notify(Notify {
                    job: job.ok_or(BadLine::Parameters)?,
                    header: header.ok_or(BadLine::Parameters)?,
                    clean: match params.get(2).map(|raw| raw.get()) {
                        Some("true") => Clean::Yes,
                        Some("false") | None => Clean::No,
                        Some(_) => Clean::Odd,
                    },
                }))
            }
            _ => Ok(Self::Other {
                method,
                params: envelope.params,
            }),
        }
    }
}

impl<'a> Reply<'a> {
    /// Whether the id is the integer `id`, written without a fraction or an exponent.
    pub fn answers(&self, id: u64) -> bool {
        self.id.is_some_and(|raw| raw.get() == id.to_string())
    }

    /// Whether the result is `true` and there is no error.
    pub fn is_true(&self) -> bool {
        self.result.is_some_and(|raw| raw.get() == "true")
            && self.error.is_none_or(|raw| raw.get() == "null")
    }

    /// The code of an error that is an array, as the protocol has it.
    pub fn error_code(&self) -> Option<i64> {
        let parts: Vec<&RawValue> = serde_json::from_str(self.error?.get()).ok()?;
        serde_json::from_str(parts.first()?.get()).ok()
    }

    /// The result of `mining.subscribe`.
    pub fn subscription(&self) -> Option<Subscription<'a>> {
        let parts: Vec<&'a RawValue> = serde_json::from_str(self.result?.get()).ok()?;
        Some(Subscription {
            nonce1: text::string(parts.get(1)?)?,
            nonce2_size: serde_json::from_str(parts.get(2)?.get()).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{Clean, Notify, ServerLine, Submit, Subscription};
    use crate::message::{Call, Request};

    #[test]
    fn requests_are_byte_exact() {
        #[track_caller]
        fn check(write: impl FnOnce(&mut Vec<u8>), line: &str) {
            let mut out = Vec::new();
            write(&mut out);
            assert_eq!(String::from_utf8(out), Ok(format!("{line}\n")));
        }
        check(
            |out| super::write_subscribe(1, "BM-K1", out),
            r#"{"id":1,"method":"mining.subscribe","params":["BM-K1"]}"#,
        );
        check(
            |out| super::write_subscribe_resuming(1, "GodMiner/2.0.0", None, out),
            r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#,
        );
        check(
            |out| super::write_authorize(2, "k:a.\"w\"", "d=50", out),
            r#"{"id":2,"method":"mining.authorize","params":["k:a.\"w\"","d=50"]}"#,
        );
        let share = Submit {
            user: "a.w",
            job: "0000002a",
            nonce2: "00000000002a",
        };
        check(
            |out| super::write_submit(3, share, &[], out),
            r#"{"id":3,"method":"mining.submit","params":["a.w","0000002a","00000000002a"]}"#,
        );
        check(
            |out| super::write_submit(3, share, &["7"], out),
            r#"{"id":3,"method":"mining.submit","params":["a.w","0000002a","00000000002a","7"]}"#,
        );
    }

    #[test]
    fn the_server_reads_what_the_client_writes() {
        let mut line = Vec::new();
        super::write_authorize(2, "tab\tworker", "", &mut line);
        let request = Request::parse(&line);
        assert_eq!(
            (request.id.as_json(), request.call),
            (
                "2",
                Ok(Call::Authorize {
                    user: "tab\tworker".into(),
                    password: "".into()
                })
            )
        );
    }

    #[test]
    fn replies_keep_what_a_device_would_stumble_over() {
        let reply = |line: &'static str| match ServerLine::parse(line.as_bytes()) {
            Ok(ServerLine::Reply(reply)) => reply,
            other => panic!("not a reply: {other:?}"),
        };
        let subscribed = reply(r#"{"id":1,"result":[null,"09e8",6],"error":null}"#);
        assert_eq!(
            subscribed.subscription(),
            Some(Subscription {
                nonce1: "09e8".into(),
                nonce2_size: 6
            })
        );
        assert!(subscribed.answers(1));
        assert!(!reply(r#"{"id":"1","result":true}"#).answers(1));
        assert!(!reply(r#"{"id":1.0,"result":true}"#).answers(1));
        assert!(reply(r#"{"id":9,"result":true,"error":null}"#).is_true());
        let rejected = reply(r#"{"result":false,"error":[23,"low",null],"id":9}"#);
        assert_eq!(
            (rejected.is_true(), rejected.error_code()),
            (false, Some(23))
        );
        let bare = reply(r#"{"id":9,"error":"low"}"#);
        assert_eq!((bare.result.is_none(), bare.error_code()), (true, None));
        let null = reply(r#"{"id":9,"result":null,"error":null}"#);
        assert_eq!(null.result.map(RawValue::get), Some("null"));
    }

    #[test]
    fn notifications_of_all_servers_are_read() {
        #[track_caller]
        fn check(line: &str, job: &str, clean: Clean) {
            let Ok(ServerLine::Notify(notify)) = ServerLine::parse(line.as_bytes()) else {
                panic!("not a notify: {line}");
            };
            let expected = Notify {
                job: job.into(),
                header: "00ff".into(),
                clean,
            };
            assert_eq!(notify, expected);
        }
        check(
            r#"{"id":null,"method":"mining.notify","params":["1a2b3c4d","00ff",true]}"#,
            "1a2b3c4d",
            Clean::Yes,
        );
        check(
            r#"{"method":"mining.notify","params":[40591,"00ff"]}"#,
            "40591",
            Clean::No,
        );
        check(
            r#"{"method":"mining.notify","params":["1","00ff",1]}"#,
            "1",
            Clean::Odd,
        );
    }
}
