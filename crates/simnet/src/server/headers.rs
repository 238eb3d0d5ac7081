//! Blocks and their hashes: one by hash, or pages (`Chainweb/BlockHeaderDB/RestAPI/Server.hs`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{Adjacents, BlockHash, BlockHeader, HashError};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::media::Media;
use crate::network::{Chain, Network, Next, Page, UnknownBlock, Window};

/// Kind of the items of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    Headers,
    Hashes,
}

/// The JSON body of a branch request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BoundsText {
    upper: Vec<String>,
    lower: Vec<String>,
}

/// Upper and lower bounds of a branch.
#[derive(Debug)]
pub(crate) struct Bounds {
    upper: Vec<BlockHash>,
    lower: Vec<BlockHash>,
}

impl Bounds {
    /// Parses the body of a branch request.
    ///
    /// # Errors
    /// Returns the 400 answer to a malformed body, or to more than `limit` bounds of one kind.
    pub(crate) fn parse(body: &[u8], limit: usize) -> Result<Self, Answer> {
        let text: BoundsText = super::json::object(body)?;
        let hashes = |texts: Vec<String>| {
            let parsed: Result<Vec<_>, _> = texts.iter().map(|text| text.parse()).collect();
            parsed.map_err(|error: HashError| {
                Answer::plain(StatusCode::BAD_REQUEST, error.to_string())
            })
        };
        let bounds = Self {
            upper: hashes(text.upper)?,
            lower: hashes(text.lower)?,
        };
        for (name, hashes) in [("upper", &bounds.upper), ("lower", &bounds.lower)] {
            if hashes.len() > limit {
                let message = json!(format!("too many {name} branch bounds"));
                return Err(Answer::plain(StatusCode::BAD_REQUEST, message.to_string()));
            }
        }
        Ok(bounds)
    }
}

/// Answers a request for one block.
pub(crate) fn header(chain: &Chain, hash: BlockHash, media: Media, version: &str) -> Answer {
    match chain.block(&hash) {
        Some(block) if media == Media::Octets => Answer::ok(media, block.encode()),
        Some(block) => Answer::json(media, &header_json(block, media, version)),
        None => unknown(UnknownBlock(hash)),
    }
}

/// Answers a request for a page: of the branch within `bounds`, or of the whole table without. The
/// EVM line fails on an unknown lower bound.
pub(crate) fn page(
    network: &Network,
    chain: &Chain,
    bounds: Option<&Bounds>,
    window: &Window,
    items: Items,
    media: Media,
) -> Answer {
    let lower = bounds.map_or(&[][..], |bounds| &bounds.lower);
    let is_evm = network.config().release.is_evm();
    if is_evm && lower.iter().any(|hash| chain.block(hash).is_none()) {
        return Answer::failed();
    }
    let page = match bounds {
        Some(bounds) => chain.branch_page(&bounds.upper, &bounds.lower, window),
        None => chain.table_page(window),
    };
    match page {
        Ok(page) => Answer::json(media, &page_json(&page, items, media, network.version())),
        Err(block) => unknown(block),
    }
}

fn unknown(UnknownBlock(hash): UnknownBlock) -> Answer {
    let body = json!({ "reason": "key not found", "key": hash.to_string() });
    Answer {
        status: StatusCode::NOT_FOUND,
        ..Answer::json(Media::Json, &body)
    }
}

fn page_json(page: &Page<'_>, items: Items, media: Media, version: &str) -> Value {
    let item = |block: &&Arc<BlockHeader>| match items {
        Items::Headers => header_json(block, media, version),
        Items::Hashes => json!(block.hash().to_string()),
    };
    let next = page.next.map(|next| match next {
        Next::Inclusive(hash) => format!("inclusive:{hash}"),
        Next::Exclusive(hash) => format!("exclusive:{hash}"),
    });
    json!({
        "limit": page.items.len(),
        "items": page.items.iter().map(item).collect::<Vec<_>>(),
        "next": next,
    })
}

fn header_json(block: &BlockHeader, media: Media, version: &str) -> Value {
    if media != Media::JsonObject {
        return json!(URL_SAFE_NO_PAD.encode(block.encode()));
    }
    let header = block.work();
    let mut adjacents = Map::new();
    if let Adjacents::Recorded(recorded) = header.adjacents() {
        for (chain, hash) in recorded.iter() {
            adjacents.insert(chain.to_string(), json!(hash.to_string()));
        }
    }
    json!({
        "nonce": header.nonce().get().to_string(),
        "creationTime": header.creation_time().as_micros(),
        "parent": header.parent().to_string(),
        "adjacents": adjacents,
        "target": URL_SAFE_NO_PAD.encode(header.target().to_le_bytes()),
        "payloadHash": header.payload_hash().to_string(),
        "chainId": header.chain().get(),
        "weight": URL_SAFE_NO_PAD.encode(header.weight().to_le_bytes()),
        "height": header.height(),
        "chainwebVersion": version,
        "epochStart": header.epoch_start().as_micros(),
        "featureFlags": u64::from_le_bytes(header.flags()),
        "hash": block.hash().to_string(),
    })
}
