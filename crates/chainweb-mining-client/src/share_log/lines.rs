//! The lines of the share log: one JSON object each, in the schema of StoaChain's pool or our own.
//!
//! No name can forge or break a line: characters that end a line or change how text is shown are
//! escaped, beyond what JSON requires.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use chainweb::{ChainId, Difficulty, Target};
use clap::ValueEnum;
use humantime::format_rfc3339_seconds;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use stratum::{Freshness, JobId, LoggedShare, LoggedShares, Rejection, ShareRecord};

/// The most targets whose digits are kept.
const MOST_TARGETS: usize = 1024;

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

/// A line with everything known about a share. What is unknown is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtendedLine<'a> {
    schema_version: u32,
    schema: &'a str,
    kind: &'a str,
    timestamp: &'a str,
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
    target: Option<&'a str>,
    difficulty: Option<Text<Difficulty>>,
    achieved_difficulty: Option<Text<Difficulty>>,
}

/// The texts that many shares have in common.
#[derive(Default)]
pub(super) struct Texts {
    /// The decimal digits of share targets.
    targets: HashMap<Target, String>,
    /// The last second since the Unix epoch, and its time up to the point before the microseconds.
    second: (u64, String),
}

impl Texts {
    fn target(&mut self, target: Target) -> &str {
        if self.targets.len() == MOST_TARGETS {
            self.targets.clear();
        }
        let digits = self.targets.entry(target);
        digits.or_insert_with(|| target.to_decimal())
    }

    /// Returns a time in RFC 3339 with microseconds.
    fn time(&mut self, time: SystemTime) -> String {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since_epoch.as_secs();
        if self.second.0 != second || self.second.1.is_empty() {
            let text = format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string();
            self.second = (second, text.replace('Z', "."));
        }
        format!("{}{:06}Z", self.second.1, since_epoch.subsec_micros())
    }
}

impl ShareLogFormat {
    /// Appends the line of a share, and one more if it is a block.
    pub(super) fn write(
        self,
        share: &LoggedShare,
        received: SystemTime,
        texts: &mut Texts,
        out: &mut Vec<u8>,
    ) {
        let time = &texts.time(received);
        let target = share.record.target.map(|target| texts.target(target));
        let kinds = ["share", "block"];
        for kind in &kinds[..=usize::from(share.record.is_block)] {
            match self {
                Self::Pool => write_for_pool(kind, &share.record, target, time, out),
                Self::Extended => write_extended(kind, share, target, time, out),
            }
            .expect("texts and numbers are JSON, and memory takes all bytes");
            out.push(b'\n');
        }
    }
}

/// Returns the parts of a user name before and after its first dot.
fn names(record: &ShareRecord) -> (&str, &str) {
    record.user.split_once('.').unwrap_or((&record.user, ""))
}

/// Appends a line for StoaChain's pool. To its reader any other key is another schema:
/// `StoaChain/ChainwebMiningClient`, `src/Worker/POW/Stratum/PoolEvent.hs`.
fn write_for_pool(
    kind: &str,
    record: &ShareRecord,
    target: Option<&str>,
    time: &str,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    // Only refused shares lack any of these.
    let (Some((chain, _)), Some(target), Some(nonce)) = (record.place, target, record.nonce) else {
        return Ok(());
    };
    let (username, worker) = names(record);
    // Several times as fast as a derived serializer, or as formatted text.
    let mut add = |text: &str| out.extend_from_slice(text.as_bytes());
    add(r#"{"schemaVersion":1,"kind":""#);
    add(kind);
    add(r#"","username":"#);
    write_json(username, out)?;
    out.extend_from_slice(br#","worker":"#);
    write_json(worker, out)?;
    write!(out, r#","chainId":"{chain}","target":""#)?;
    out.extend_from_slice(target.as_bytes());
    if kind == "block" {
        write!(out, r#"","ownNonce":"{}"#, nonce.get())?;
    }
    out.extend_from_slice(br#"","timestamp":""#);
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(br#""}"#);
    Ok(())
}

fn write_extended(
    kind: &str,
    share: &LoggedShare,
    target: Option<&str>,
    time: &str,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let record = &share.record;
    let (username, worker) = names(record);
    let (chain, height) = record.place.unzip();
    let line = ExtendedLine {
        schema_version: EXTENDED_VERSION,
        schema: EXTENDED_SCHEMA,
        kind,
        timestamp: time,
        result: match record.verdict {
            Ok(Freshness::Current) => "accepted",
            Ok(Freshness::Late) => "late",
            Err(_) => "refused",
        },
        reason: record
            .verdict
            .err()
            .map(|refusal| Rejection::from(refusal).name()),
        username,
        worker,
        session: share.connection,
        peer: Text(share.peer),
        job: record.job.map(Text),
        chain_id: chain.map(ChainId::get),
        height,
        nonce: record.nonce.map(|nonce| Text(nonce.get())),
        target,
        difficulty: record.target.map(|target| Text(target.difficulty())),
        achieved_difficulty: record.achieved.map(Text),
    };
    write_json(&line, out)
}

fn write_json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Inert))?;
    Ok(())
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
