//! A page of blocks of a branch, from `/chain/{chain}/hash/branch` or `…/header/branch`.
//!
//! With one upper bound and no lower bound, a page has exactly one block per height, from the
//! highest down (kadena-io/chainweb-node, `Chainweb/TreeDB.hs`), so positions are heights. No I/O.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chainweb::{BlockHash, CreationTime, Nonce, PayloadHash, WorkHeader};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Malformed;

/// The largest number of hashes in one response of a node.
pub const MAX_ANCESTORS: u64 = 4096;

/// The largest number of headers in one response of a node.
pub const MAX_HEADERS: u64 = 360;

/// A block, and what its miner knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// The hash of the block.
    pub hash: BlockHash,
    /// What its miner knows of it.
    pub mined: Mined,
}

/// The fields of a header that distinguish a solution from all others, on networks as well where
/// only nodes know the hash of its block (EVM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mined {
    /// The hash of the parent.
    pub parent: BlockHash,
    /// The hash of the payload.
    pub payload_hash: PayloadHash,
    /// The creation time.
    pub creation_time: CreationTime,
    /// The nonce.
    pub nonce: Nonce,
}

impl From<&WorkHeader> for Mined {
    fn from(header: &WorkHeader) -> Self {
        Self {
            parent: header.parent(),
            payload_hash: header.payload_hash(),
            creation_time: header.creation_time(),
            nonce: header.nonce(),
        }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

/// A header as an object; its other fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    hash: String,
    parent: String,
    payload_hash: String,
    creation_time: i64,
    nonce: String,
}

impl Header {
    fn read(&self) -> Result<Ancestor, String> {
        let hash = |name, text: &str| text.parse().map_err(|error| format!("{name}: {error}"));
        let payload_hash = self.payload_hash.parse();
        let nonce = self
            .nonce
            .parse()
            .map_err(|error| format!("nonce: {error}"));
        Ok(Ancestor {
            hash: hash("hash", &self.hash)?,
            mined: Mined {
                parent: hash("parent", &self.parent)?,
                payload_hash: payload_hash.map_err(|error| format!("payloadHash: {error}"))?,
                creation_time: CreationTime::from_micros(self.creation_time),
                nonce: Nonce::new(nonce?),
            },
        })
    }
}

/// Returns the highest of the heights, so many.
pub(crate) fn newest(heights: RangeInclusive<u64>, most: u64) -> RangeInclusive<u64> {
    let (low, high) = heights.into_inner();
    low.max(high.saturating_sub(most - 1))..=high
}

/// Returns the request body for the ancestors of `tip`, itself included.
pub(crate) fn request_json(tip: BlockHash) -> String {
    json!({ "upper": [tip.to_string()] }).to_string()
}

/// Reads a response with hashes for the requested heights. Heights missing at its end are below
/// genesis.
pub(crate) fn hashes_from_json(
    body: &[u8],
    heights: RangeInclusive<u64>,
) -> Result<BTreeMap<u64, BlockHash>, Malformed> {
    from_json(body, heights, |item: &String| {
        item.parse()
            .map_err(|error: chainweb::HashError| error.to_string())
    })
}

/// Reads a response with headers in the same way.
pub(crate) fn headers_from_json(
    body: &[u8],
    heights: RangeInclusive<u64>,
) -> Result<BTreeMap<u64, Ancestor>, Malformed> {
    from_json(body, heights, Header::read)
}

/// Reads a response with all headers at a height, of all branches.
pub(crate) fn siblings_from_json(body: &[u8]) -> Result<Vec<Ancestor>, Malformed> {
    let headers = items::<Header>(body)?;
    let read = headers.iter().map(Header::read);
    read.collect::<Result<_, _>>().map_err(malformed)
}

fn malformed(why: String) -> Malformed {
    Malformed::json("page of ancestors", why)
}

fn items<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Malformed> {
    let page: Page<T> =
        serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    Ok(page.items)
}

fn from_json<T: DeserializeOwned, B>(
    body: &[u8],
    heights: RangeInclusive<u64>,
    read: impl Fn(&T) -> Result<B, String>,
) -> Result<BTreeMap<u64, B>, Malformed> {
    let mut blocks = BTreeMap::new();
    let mut remaining = heights.rev();
    for item in items(body)? {
        let height = remaining
            .next()
            .ok_or_else(|| malformed("more blocks than requested heights".to_owned()))?;
        let block = read(&item).map_err(|why| malformed(format!("height {height}: {why}")))?;
        blocks.insert(height, block);
    }
    Ok(blocks)
}
