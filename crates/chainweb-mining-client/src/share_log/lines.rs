//! The lines of the share log: one JSON object each, in the schema of StoaChain's pool or our own.
//!
//! No name can forge or break a line: characters that end a line or change how text is shown are
//! escaped, beyond what JSON requires.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::SystemTime;

use chainweb::{ChainId, Difficulty};
use clap::ValueEnum;
use humantime::{Rfc3339Timestamp, format_rfc3339_micros};
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use stratum::{Freshness, JobId, LoggedShare, LoggedShares, Rejection};

/// The version of the schema of StoaChain's pool.
const POOL_VERSION: u32 = 1;

/// The name and version of our own schema. The version is far from those of the pool.
const EXTENDED_SCHEMA: &str = "chainweb-mining-client";
const EXTENDED_VERSION: u32 = 100;

/// What is logged about a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShareLogFormat {
    /// Accepted shares, in the schema of StoaChain's pool.
    Pool,
    /// Accepted and refused shares, in a schema of this program.
    Extended,
}

impl ShareLogFormat {
    /// Returns which shares the log contains.
    pub(crate) fn logged(self) -> LoggedShares {
        match self {
            Self::Pool => LoggedShares::Accepted,
            Self::Extended => LoggedShares::All,
        }
    }
}

/// Serializes a value as the text that it displays.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A line for StoaChain's pool, with its keys in order. To its reader, any other key is another
/// schema: `StoaChain/ChainwebMiningClient`, `src/Worker/POW/Stratum/PoolEvent.hs`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PoolLine<'a> {
    schema_version: u32,
    kind: &'a str,
    username: &'a str,
    worker: &'a str,
    chain_id: Option<Text<ChainId>>,
    target: Option<Text<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_nonce: Option<Text<u64>>,
    timestamp: Text<Rfc3339Timestamp>,
}

/// A line with everything known about a share. What is unknown is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtendedLine<'a> {
    schema_version: u32,
    schema: &'a str,
    kind: &'a str,
    timestamp: Text<Rfc3339Timestamp>,
    result: &'a str,
    reason: Option<&'a str>,
    username: &'a str,
    worker: &'a str,
    session: u64,
    peer: Text<SocketAddr>,
    job: Option<Text<JobId>>,
    chain_id: Option<u32>,
    height: Option<u64>,
    nonce: Option<Text<u64>>,
    target: Option<Text<String>>,
    difficulty: Option<Text<Difficulty>>,
    achieved_difficulty: Option<Text<Difficulty>>,
}

impl ShareLogFormat {
    /// Appends the line of a share, and one more if it is a block.
    pub(super) fn write(self, share: &LoggedShare, received: SystemTime, out: &mut Vec<u8>) {
        self.write_line("share", share, received, out);
        if share.record.is_block {
            self.write_line("block", share, received, out);
        }
    }

    fn write_line(self, kind: &str, share: &LoggedShare, received: SystemTime, out: &mut Vec<u8>) {
        let record = &share.record;
        let (username, worker) = record.user.split_once('.').unwrap_or((&record.user, ""));
        let (chain, height) = record.place.unzip();
        let nonce = record.nonce.map(|nonce| Text(nonce.get()));
        let target = record.target.map(|target| Text(target.to_decimal()));
        let timestamp = Text(format_rfc3339_micros(received));
        match self {
            Self::Pool => write_json(
                &PoolLine {
                    schema_version: POOL_VERSION,
                    kind,
                    username,
                    worker,
                    chain_id: chain.map(Text),
                    target,
                    own_nonce: nonce.filter(|_| kind == "block"),
                    timestamp,
                },
                out,
            ),
            Self::Extended => write_json(
                &ExtendedLine {
                    schema_version: EXTENDED_VERSION,
                    schema: EXTENDED_SCHEMA,
                    kind,
                    timestamp,
                    result: match record.verdict {
                        Ok(Freshness::Current) => "accepted",
                        Ok(Freshness::Late) => "late",
                        Err(_) => "refused",
                    },
                    reason: record.verdict.err().map(|refusal| reason(refusal.into())),
                    username,
                    worker,
                    session: share.connection,
                    peer: Text(share.peer),
                    job: record.job.map(Text),
                    chain_id: chain.map(ChainId::get),
                    height,
                    nonce,
                    target,
                    difficulty: record.target.map(|target| Text(target.difficulty())),
                    achieved_difficulty: record.achieved.map(Text),
                },
                out,
            ),
        }
    }
}

fn reason(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::Stale => "stale",
        Rejection::UnknownJob => "unknown_job",
        Rejection::Duplicate => "duplicate",
        Rejection::LowDifficulty => "low_difficulty",
        Rejection::Malformed => "malformed",
        Rejection::NotSubscribed => "not_subscribed",
        Rejection::Unauthorized => "unauthorized",
    }
}

fn write_json(line: &impl Serialize, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Inert);
    line.serialize(&mut serializer)
        .expect("texts and numbers are JSON, and memory takes all bytes");
    out.push(b'\n');
}

/// Compact JSON that escapes also what ends a line in some readers, or changes how text is shown.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        // Most texts have nothing to escape.
        if rest.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return writer.write_all(rest.as_bytes());
        }
        while let Some(at) = rest.find(is_active) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let active = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(active))?;
            rest = &rest[at + active.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Whether a character is a control, a separator of lines or a mark of the direction of text.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
