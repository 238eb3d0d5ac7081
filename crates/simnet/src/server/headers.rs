//! Blocks and their hashes: one by name, or pages of them.
//!
//! chainweb-node, `Chainweb/BlockHeaderDB/RestAPI/Server.hs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{Adjacents, BlockHash, BlockHeader};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::media::Media;
use crate::network::{Chain, Next, Page, UnknownBlock, Window};

/// What the items of a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    Headers,
    Hashes,
}

/// The body of a request for a branch, as it comes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BoundsText {
    upper: Vec<String>,
    lower: Vec<String>,
}

/// Where a branch ends above and below.
#[derive(Debug)]
pub(crate) struct Bounds {
    upper: Vec<BlockHash>,
    lower: Vec<BlockHash>,
}

impl Bounds {
    pub(crate) fn parse(body: &[u8], limit: usize) -> Result<Self, Answer> {
        let refused = |why: &dyn ToString| Answer::plain(StatusCode::BAD_REQUEST, why.to_string());
        let text: BoundsText = super::json::object(body)?;
        let hashes = |texts: Vec<String>| {
            let parsed: Result<Vec<_>, _> = texts.iter().map(|text| text.parse()).collect();
            parsed.map_err(|e: chainweb::HashError| refused(&e))
        };
        let bounds = Self {
            upper: hashes(text.upper)?,
            lower: hashes(text.lower)?,
        };
        for (name, given) in [("upper", &bounds.upper), ("lower", &bounds.lower)] {
            if given.len() > limit {
                let message = json!(format!("too many {name} branch bounds"));
                return Err(Answer::plain(StatusCode::BAD_REQUEST, message.to_string()));
            }
        }
        Ok(bounds)
    }
}

/// One block.
pub(crate) fn header(chain: &Chain, hash: BlockHash, media: Media, version: &str) -> Answer {
    match chain.block(&hash) {
        Some(block) if media == Media::Octets => Answer::ok(media, block.encode()),
        Some(block) => Answer::json(media, &header_json(block, media, version)),
        None => unknown(UnknownBlock(hash)),
    }
}

/// A page of a chain, or of a branch if bounds are given.
pub(crate) fn page(
    chain: &Chain,
    bounds: Option<&Bounds>,
    window: &Window,
    items: Items,
    media: Media,
    version: &str,
) -> Answer {
    let page = match bounds {
        Some(bounds) => chain.branch_page(&bounds.upper, &bounds.lower, window),
        None => chain.table_page(window),
    };
    match page {
        Ok(page) => Answer::json(media, &page_json(&page, items, media, version)),
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
    let item = |block: &&BlockHeader| match items {
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
