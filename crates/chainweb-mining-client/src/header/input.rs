//! Reads headers from arguments, files and standard input, in any of their three forms.
//!
//! An argument in hex or base64url is a header if it can be, and a path otherwise. Work can have
//! the length of a bare header with one more adjacent chain; it is work if chain and target in
//! front of the header agree with those in it.

use std::fs::File;
use std::io::{self, Read};

use anyhow::{Context, Error, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{BlockHash, BlockHeader, Work, WorkError, WorkHeader};

/// The largest input, in bytes: 200,000 headers in hex.
const LIMIT: u64 = 128 << 20;

/// The largest degree of a graph; no network comes near it.
const MAX_DEGREE: usize = 98;

/// The length of the block hash behind a header.
pub(super) const HASH: usize = 32;

const LENGTHS: &str = "expected 286 bytes of a header without block hash, 318 with it, 322 of \
                       work, or 36 more or less for each adjacent chain more or less than three";

/// A header, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) origin: String,
    pub(super) header: WorkHeader,
    pub(super) form: Form,
}

/// The form of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With the block hash behind it.
    Block(BlockHash),
    /// Alone.
    Bare,
    /// With chain and target in front of it, as a node sends it.
    Work,
}

/// Reads all headers of the arguments, in order.
pub(super) fn read(inputs: &[String], stdin: &mut impl Read) -> anyhow::Result<Vec<Item>> {
    let mut items = Vec::new();
    for (input, number) in inputs.iter().zip(1..) {
        items.extend(match input.as_str() {
            "-" => read_all("standard input", stdin)?,
            _ => read_argument(input, number)?,
        });
    }
    Ok(items)
}

fn read_argument(input: &str, number: usize) -> anyhow::Result<Vec<Item>> {
    let origin = format!("argument {number}");
    let error = match decode_line(input, origin.clone()) {
        Ok(item) => return Ok(vec![item]),
        Err(error) => error,
    };
    match File::open(input) {
        Ok(mut file) => read_all(input, &mut file),
        // Text of the length of a header is not meant as a path.
        Err(_) if bytes(input).is_ok_and(|b| b.len() >= WorkHeader::length_of_degree(0)) => {
            Err(error)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let expected = "a header in hex or base64url, a file, or -";
            Err(unexpected(&origin, expected, input))
        }
        Err(error) => Err(error).context(format!("cannot read {input}")),
    }
}

fn read_all(origin: &str, reader: &mut impl Read) -> anyhow::Result<Vec<Item>> {
    let mut content = Vec::new();
    let read = reader.take(LIMIT + 1).read_to_end(&mut content);
    let length = read.with_context(|| format!("cannot read {origin}"))?;
    if length as u64 > LIMIT {
        bail!("{origin} has more than 128 MiB");
    }
    match str::from_utf8(&content) {
        Ok(text) if text.trim().is_empty() => bail!("{origin} holds no header"),
        Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => {
            let lines = text.lines().zip(1..);
            lines
                .filter(|(line, _)| !line.trim().is_empty())
                .map(|(line, number)| decode_line(line, format!("{origin}, line {number}")))
                .collect()
        }
        _ => decode_raw(&content, origin),
    }
}

/// Decodes whole headers one after the other, or one header of any form.
fn decode_raw(content: &[u8], origin: &str) -> anyhow::Result<Vec<Item>> {
    // The degree of the first header; hashed adjacents have the length of three.
    let degree = match content.get(48..50) {
        Some(&[0xf0, 0xf0]) | None => 3,
        Some(count) => usize::from(u16::from_le_bytes([count[0], count[1]])),
    };
    let stride = WorkHeader::length_of_degree(degree) + HASH;
    let (count, rest) = (content.len() / stride, content.len() % stride);
    let is_valid = degree <= MAX_DEGREE;
    if is_valid && count > 1 && rest == 0 {
        let headers = content.chunks(stride).zip(1..);
        return headers
            .map(|(bytes, number)| decode(bytes, format!("{origin}, header {number}")))
            .collect();
    }
    if is_valid && count > 0 && form_of(content.len()).is_none() {
        bail!(
            "{origin} ends within a header: {count} headers of {stride} bytes and {rest} bytes more"
        );
    }
    Ok(vec![decode(content, origin.to_owned())?])
}

fn decode_line(line: &str, origin: String) -> anyhow::Result<Item> {
    match bytes(line) {
        Ok(bytes) => decode(&bytes, origin),
        Err(expected) => Err(unexpected(&origin, expected, unquoted(line))),
    }
}

/// Decodes hex or base64url. Returns what was expected if it is neither.
fn bytes(line: &str) -> Result<Vec<u8>, &'static str> {
    let text = unquoted(line);
    let hex = text.strip_prefix("0x").unwrap_or(text);
    if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return const_hex::decode(hex).map_err(|_| "an even number of hex digits");
    }
    let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    decoded.map_err(|_| "a header in hex or base64url")
}

/// Removes white space and the quotes of JSON.
fn unquoted(line: &str) -> &str {
    line.trim().trim_matches('"')
}

/// Whether bytes of this length can be a whole header (`Some(true)`), or a bare one or work
/// (`Some(false)`).
fn form_of(length: usize) -> Option<bool> {
    let least = WorkHeader::length_of_degree(0);
    let record = WorkHeader::length_of_degree(1) - least;
    match length.checked_sub(least)? % record {
        HASH => Some(true),
        0 => Some(false),
        _ => None,
    }
}

/// Decodes one header of any form.
fn decode(bytes: &[u8], origin: String) -> anyhow::Result<Item> {
    let decoded = match form_of(bytes.len()) {
        Some(true) => BlockHeader::decode(bytes)
            .map(|block| (block.work().clone(), Form::Block(block.hash())))
            .map_err(|error| error.to_string()),
        Some(false) => decode_bare_or_work(bytes),
        None => Err(LENGTHS.to_owned()),
    };
    let length = bytes.len();
    let invalid = |why| anyhow!("{origin}: {length} bytes that are no header: {why}");
    let (header, form) = decoded.map_err(invalid)?;
    Ok(Item {
        origin,
        header,
        form,
    })
}

fn decode_bare_or_work(bytes: &[u8]) -> Result<(WorkHeader, Form), String> {
    let (bytes, form, work_error) = match Work::decode(bytes) {
        Ok(work) => return Ok((work.header().clone(), Form::Work)),
        // Complete, though it has no solution.
        Err(WorkError::Unsolvable) => (&bytes[Work::PREFIX_LENGTH..], Form::Work, None),
        Err(error @ (WorkError::Chain { .. } | WorkError::Target { .. })) => {
            (bytes, Form::Bare, Some(error.to_string()))
        }
        Err(_) => (bytes, Form::Bare, None),
    };
    match WorkHeader::decode(bytes) {
        Ok(header) => Ok((header, form)),
        Err(error) => Err(work_error.unwrap_or_else(|| error.to_string())),
    }
}

fn unexpected(origin: &str, expected: &str, text: &str) -> Error {
    let mut excerpt: String = text.chars().take(60).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    anyhow!("{origin}: expected {expected}, got {excerpt:?}")
}
