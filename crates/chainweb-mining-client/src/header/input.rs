//! Finds the headers in what the user gave: texts, files and standard input, of any of the three lengths.
//!
//! An argument that is a header in hex or base64url is one, whatever files there are. Work as nodes send it can have
//! the length of a bare header with one more neighbour: it is taken for work if chain and target in front agree with
//! the header behind them. Every error names the argument, line or header that it is about.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chainweb::{BlockHash, BlockHeader, HeaderError, Work, WorkError, WorkHeader};

/// The most bytes that are read from a file or standard input: 200,000 headers in hex.
const LIMIT: u64 = 128 << 20;

/// More neighbours than a chain of any network has.
const MOST_NEIGHBOURS: usize = 98;

/// Length of the block hash behind a header.
pub(super) const HASH: usize = 32;
/// A header as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) origin: Origin,
    pub(super) header: WorkHeader,
    pub(super) form: Form,
}

/// What a header came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The block hash, as it was stated.
    Block(BlockHash),
    /// Nothing.
    Bare,
    /// Chain and target in front, as a node hands it out.
    Work,
}

/// Where something stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    source: Source,
    part: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// The argument itself, counted from 1.
    Argument(usize),
    File(String),
    Stdin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// A line of text, counted from 1.
    Line(usize),
    /// A raw header among others, counted from 1.
    Header(usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Argument(number) => write!(f, "argument {number}")?,
            Source::File(path) => f.write_str(path)?,
            Source::Stdin => f.write_str("standard input")?,
        }
        match self.part {
            Part::Whole => Ok(()),
            Part::Line(number) => write!(f, ", line {number}"),
            Part::Header(number) => write!(f, ", header {number}"),
        }
    }
}

/// Why something is no header.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file or standard input cannot be read.
    #[error("cannot read {origin}")]
    Read {
        /// What was read.
        origin: Origin,
        /// Why it could not be.
        #[source]
        source: io::Error,
    },
    /// More bytes than are looked at.
    #[error("{0} has more than 128 MiB")]
    TooLong(Origin),
    /// Nothing but white space.
    #[error("{0} holds no header")]
    Empty(Origin),
    /// Not a text that stands for bytes.
    #[error("{origin}: expected {expected}, got {text:?}")]
    Text {
        /// Where the text stood.
        origin: Origin,
        /// What could have stood there.
        expected: &'static str,
        /// The beginning of the text.
        text: String,
    },
    /// Raw headers of one length do not fill a file.
    #[error(
        "{origin} ends within a header: {count} headers of {stride} bytes and {rest} bytes more"
    )]
    Rest {
        /// The file.
        origin: Origin,
        /// The number of whole headers.
        count: usize,
        /// The length of one.
        stride: usize,
        /// The number of bytes left.
        rest: usize,
    },
    /// Bytes that are not laid out as a header.
    #[error("{origin}: {length} bytes that are no header")]
    Malformed {
        /// Where they stood.
        origin: Origin,
        /// How many there are.
        length: usize,
        /// What is wrong with them.
        #[source]
        reason: Malformed,
    },
}

/// What is wrong with the bytes of a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No form of a header has this length.
    #[error(
        "expected 286 bytes of a header without block hash, 318 with it, 322 of work, or 36 more or \
         less for each neighbour more or less than three"
    )]
    Length,
    /// The length is right.
    #[error(transparent)]
    Header(HeaderError),
    /// A header with a prefix that does not belong to it.
    #[error(transparent)]
    Work(WorkError),
}

/// All headers that the arguments stand for, in order.
pub(super) fn read(inputs: &[String], stdin: &mut impl Read) -> Result<Vec<Item>, InputError> {
    let mut items = Vec::new();
    for (input, number) in inputs.iter().zip(1..) {
        if input == "-" {
            items.extend(read_all(Source::Stdin, stdin)?);
        } else {
            items.extend(read_argument(input, number)?);
        }
    }
    Ok(items)
}

fn read_argument(input: &str, number: usize) -> Result<Vec<Item>, InputError> {
    let origin = Origin {
        source: Source::Argument(number),
        part: Part::Whole,
    };
    let not_header = match parse_line(input, origin.clone()) {
        Ok(item) => return Ok(vec![item]),
        Err(error) => error,
    };
    let source = Source::File(input.to_owned());
    match File::open(input) {
        Ok(mut file) => read_all(source, &mut file),
        // What is as long as a header is meant as one, and what is not text is meant as a path.
        Err(error) => Err(match not_header {
            InputError::Malformed { length, .. } if length >= WorkHeader::length_of_degree(0) => {
                not_header
            }
            _ if error.kind() == io::ErrorKind::NotFound => InputError::Text {
                origin,
                expected: "a header in hex or base64url, a file, or -",
                text: excerpt(input),
            },
            _ => {
                let origin = Origin {
                    source,
                    part: Part::Whole,
                };
                InputError::Read {
                    origin,
                    source: error,
                }
            }
        }),
    }
}

fn read_all(source: Source, reader: &mut impl Read) -> Result<Vec<Item>, InputError> {
    let origin = Origin {
        source,
        part: Part::Whole,
    };
    let mut content = Vec::new();
    match reader.take(LIMIT + 1).read_to_end(&mut content) {
        Err(source) => return Err(InputError::Read { origin, source }),
        Ok(length) if length as u64 > LIMIT => return Err(InputError::TooLong(origin)),
        Ok(_) => {}
    }
    if content.trim_ascii().is_empty() {
        return Err(InputError::Empty(origin));
    }
    match str::from_utf8(&content) {
        Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => {
            parse_lines(text, &origin)
        }
        _ => parse_raw(&content, &origin),
    }
}

fn parse_lines(text: &str, origin: &Origin) -> Result<Vec<Item>, InputError> {
    let lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            parse_line(
                line,
                Origin {
                    part: Part::Line(number),
                    ..origin.clone()
                },
            )
        })
        .collect()
}

/// Reads whole headers one after the other, or one header of any form.
fn parse_raw(content: &[u8], origin: &Origin) -> Result<Vec<Item>, InputError> {
    // The first header says how many neighbours it has, or that it has the hash that stands for three.
    let degree = match content.get(48..50) {
        Some(&[0xf0, 0xf0]) | None => 3,
        Some(count) => usize::from(u16::from_le_bytes([count[0], count[1]])),
    };
    if degree > MOST_NEIGHBOURS {
        // Not a header, and so no measure for what follows.
        return Ok(vec![parse(content, origin.clone())?]);
    }
    let stride = WorkHeader::length_of_degree(degree) + HASH;
    let (count, rest) = (content.len() / stride, content.len() % stride);
    if count > 1 && rest == 0 {
        let headers = content.chunks(stride).zip(1..);
        return headers
            .map(|(bytes, number)| {
                parse(
                    bytes,
                    Origin {
                        part: Part::Header(number),
                        ..origin.clone()
                    },
                )
            })
            .collect();
    }
    match parse(content, origin.clone()) {
        Err(InputError::Malformed {
            reason: Malformed::Length,
            origin,
            ..
        }) if count > 0 => Err(InputError::Rest {
            origin,
            count,
            stride,
            rest,
        }),
        parsed => Ok(vec![parsed?]),
    }
}

/// Reads a header in hex or base64url; quotes about it, as JSON has them, do not matter.
fn parse_line(line: &str, origin: Origin) -> Result<Item, InputError> {
    const BASE64URL: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = line.trim().trim_matches('"');
    let hex = text.strip_prefix("0x").unwrap_or(text);
    let (bytes, expected) = if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        (const_hex::decode(hex).ok(), "an even number of hex digits")
    } else {
        (BASE64URL.decode(text).ok(), "a header in hex or base64url")
    };
    match bytes {
        Some(bytes) => parse(&bytes, origin),
        None => Err(InputError::Text {
            origin,
            expected,
            text: excerpt(text),
        }),
    }
}

/// Reads one header of any form.
fn parse(bytes: &[u8], origin: Origin) -> Result<Item, InputError> {
    let length = bytes.len();
    let least = WorkHeader::length_of_degree(0);
    let record = WorkHeader::length_of_degree(1) - least;
    let parsed = match length.checked_sub(least).map(|more| more % record) {
        Some(HASH) => BlockHeader::decode(bytes)
            .map(|block| (block.work().clone(), Form::Block(block.hash())))
            .map_err(Malformed::Header),
        Some(0) => parse_bare_or_work(bytes),
        _ => Err(Malformed::Length),
    };
    match parsed {
        Ok((header, form)) => Ok(Item {
            origin,
            header,
            form,
        }),
        Err(reason) => Err(InputError::Malformed {
            origin,
            length,
            reason,
        }),
    }
}

fn parse_bare_or_work(bytes: &[u8]) -> Result<(WorkHeader, Form), Malformed> {
    let not_work = match Work::decode(bytes) {
        Ok(work) => return Ok((work.header().clone(), Form::Work)),
        // All there, though no miner could solve it.
        Err(WorkError::Unsolvable) => {
            let header =
                WorkHeader::decode(&bytes[Work::PREFIX_LENGTH..]).map_err(Malformed::Header)?;
            return Ok((header, Form::Work));
        }
        Err(error) => error,
    };
    WorkHeader::decode(bytes)
        .map(|header| (header, Form::Bare))
        .map_err(|error| match not_work {
            WorkError::Chain { .. } | WorkError::Target { .. } => Malformed::Work(not_work),
            _ => Malformed::Header(error),
        })
}

/// The beginning of a text, for an error message.
fn excerpt(text: &str) -> String {
    const LENGTH: usize = 60;
    let mut chars = text.chars();
    let mut excerpt: String = chars.by_ref().take(LENGTH).collect();
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}
