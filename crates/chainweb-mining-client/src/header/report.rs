//! The report on a header: its fields and the results of the checks, as text or JSON.
//!
//! Numbers which may exceed 53 bits are decimal or hex strings in JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use chainweb::{Adjacents, ChainId, CreationTime, ForkState, Work};
use miner::units::Prefixed;
use serde::Serialize;

use super::input::{Form, HASH, Item};
use crate::networks::{fork_in_words, fork_state, names_of_code};

/// A header's fields and the results of its checks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Report {
    source: String,
    form: &'static str,
    /// The length in this form, in bytes.
    length: usize,
    chain: u32,
    height: u64,
    creation_time: Option<String>,
    creation_time_us: i64,
    parent: String,
    /// By chain; absent if the header has only a hash over them.
    adjacents: Option<BTreeMap<u32, String>>,
    target: String,
    difficulty: String,
    #[serde(skip)]
    difficulty_about: f64,
    payload: String,
    weight: String,
    version_code: u32,
    version: Option<&'static str>,
    epoch_start: Option<String>,
    epoch_start_us: i64,
    flags: String,
    /// Absent if the flags are a nonce, as in the first blocks of the main network.
    fork_number: Option<u32>,
    fork_votes: Option<f64>,
    #[serde(skip)]
    fork: String,
    nonce: String,
    pow_hash: String,
    meets_target: bool,
    /// As computed; absent if the header has only a hash over the adjacents.
    block_hash: Option<String>,
    /// As stated by the header; absent if it has none.
    stated_block_hash: Option<String>,
    /// Absent without two hashes to compare.
    block_hash_is_right: Option<bool>,
}

impl Report {
    pub(super) fn of(item: &Item) -> Self {
        let header = &item.header;
        let adjacents = match header.adjacents() {
            Adjacents::Recorded(records) => {
                let text = |(chain, hash): (ChainId, _)| (chain.get(), format!("{hash}"));
                Some(records.iter().map(text).collect())
            }
            Adjacents::Hashed => None,
        };
        let (form, more, stated) = match item.form {
            Form::Block(hash) => ("block header", HASH, Some(hash)),
            Form::Bare => ("header without block hash", 0, None),
            Form::Work => ("work", Work::PREFIX_LENGTH, None),
        };
        let block_hash = header.block_hash();
        let pow_hash = pow::hash(header);
        let difficulty = header.target().difficulty();
        let fork = fork_state(header);
        Self {
            source: item.origin.clone(),
            form,
            length: header.as_bytes().len() + more,
            chain: header.chain().get(),
            height: header.height(),
            creation_time: rfc3339(header.creation_time()),
            creation_time_us: header.creation_time().as_micros(),
            parent: header.parent().to_string(),
            adjacents,
            target: header.target().to_be_hex(),
            difficulty: difficulty.to_string(),
            difficulty_about: difficulty.as_f64(),
            payload: header.payload_hash().to_string(),
            weight: header.weight().to_string(),
            version_code: header.version_code(),
            version: names_of_code(header.version_code()),
            epoch_start: rfc3339(header.epoch_start()),
            epoch_start_us: header.epoch_start().as_micros(),
            flags: const_hex::encode(header.flags()),
            fork_number: fork.map(ForkState::number),
            fork_votes: fork.map(|fork| f64::from(fork.millivotes()) / 1000.0),
            fork: fork.map_or_else(
                || "none: the flags of the first blocks of mainnet01 are a nonce".to_owned(),
                |fork| fork_in_words(fork, header.height()),
            ),
            nonce: header.nonce().to_string(),
            pow_hash: pow_hash.to_string(),
            meets_target: header.target().is_met_by(&pow_hash),
            block_hash: block_hash.map(|hash| hash.to_string()),
            stated_block_hash: stated.map(|hash| hash.to_string()),
            block_hash_is_right: block_hash.zip(stated).map(|(hash, stated)| hash == stated),
        }
    }

    /// Whether the header meets its target and has the right block hash or none.
    pub(super) fn is_sound(&self) -> bool {
        self.meets_target && self.block_hash_is_right != Some(false)
    }

    /// Writes one line.
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes a line for each field.
    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let time = |date: &Option<String>, micros| match date {
            Some(date) => format!("{date} ({micros} µs)"),
            None => format!("outside of 1970 to 9999 ({micros} µs)"),
        };
        let (form, length, source) = (self.form, self.length, &self.source);
        let about = Prefixed(self.difficulty_about);
        let version = self.version.unwrap_or("unknown");
        let mut line =
            |label: &str, value: String| writeln!(out, "{:<14}{value}", label.to_owned() + ":");
        line("header", format!("{form} of {length} bytes ({source})"))?;
        line("chain", self.chain.to_string())?;
        line("height", self.height.to_string())?;
        line("created", time(&self.creation_time, self.creation_time_us))?;
        line("parent", self.parent.clone())?;
        match &self.adjacents {
            Some(adjacents) => {
                for (chain, hash) in adjacents {
                    line(&format!("adjacent {chain}"), hash.clone())?;
                }
            }
            None => line("adjacents", "only a hash over them".to_owned())?,
        }
        line("target", self.target.clone())?;
        line("difficulty", format!("{} ({about}hashes)", self.difficulty))?;
        line("payload", self.payload.clone())?;
        line("weight", self.weight.clone())?;
        line("version", format!("{} ({version})", self.version_code))?;
        line("epoch start", time(&self.epoch_start, self.epoch_start_us))?;
        line("flags", self.flags.clone())?;
        line("fork", self.fork.clone())?;
        line("nonce", self.nonce.clone())?;
        line("pow hash", self.pow_hash.clone())?;
        line("block hash", self.block_hash_text())?;
        let meets_target = if self.meets_target { "yes" } else { "no" };
        line("meets target", meets_target.to_owned())
    }

    fn block_hash_text(&self) -> String {
        match (&self.block_hash, &self.stated_block_hash) {
            (Some(hash), None) => hash.clone(),
            (Some(hash), Some(stated)) if hash == stated => format!("{hash} (as stated)"),
            (Some(hash), Some(stated)) => format!("{hash} (WRONG: the header states {stated})"),
            (None, None) => "cannot be computed from a hash over the adjacents".to_owned(),
            (None, Some(stated)) => {
                format!("{stated} (not checked: the header has only a hash over the adjacents)")
            }
        }
    }
}

/// Returns the date in UTC as in RFC 3339, or `None` outside of 1970 to 9999.
fn rfc3339(time: CreationTime) -> Option<String> {
    const YEAR_10000: u64 = 253_402_300_800_000_000;
    let micros = u64::try_from(time.as_micros()).ok()?;
    let date = || humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros));
    (micros < YEAR_10000).then(|| date().to_string())
}

#[cfg(test)]
mod tests {
    use chainweb::CreationTime;

    use super::rfc3339;

    #[test]
    fn times_from_1970_to_9999_have_a_date() {
        #[track_caller]
        fn check(micros: i64, date: Option<&str>) {
            assert_eq!(rfc3339(CreationTime::from_micros(micros)).as_deref(), date);
        }
        check(i64::MIN, None);
        check(-1, None);
        check(0, Some("1970-01-01T00:00:00.000000Z"));
        check(1_581_922_293_298_087, Some("2020-02-17T06:51:33.298087Z"));
        check(253_402_300_799_999_999, Some("9999-12-31T23:59:59.999999Z"));
        check(253_402_300_800_000_000, None);
        check(i64::MAX, None);
    }
}
