//! A page of block hashes from `/chain/{chain}/hash/branch`.
//!
//! With one upper bound and no lower bound, a page has exactly one hash per height, from the
//! highest down (kadena-io/chainweb-node, `Chainweb/TreeDB.hs`), so positions are heights. No I/O.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chainweb::BlockHash;
use serde::Deserialize;
use serde_json::json;

use crate::Malformed;

/// The largest number of hashes in one response of a node.
pub const MAX_ANCESTORS: u64 = 4096;

#[derive(Deserialize)]
struct Page {
    items: Vec<String>,
}

/// Returns the highest [`MAX_ANCESTORS`] of the heights.
pub(crate) fn newest(heights: RangeInclusive<u64>) -> RangeInclusive<u64> {
    let (low, high) = heights.into_inner();
    low.max(high.saturating_sub(MAX_ANCESTORS - 1))..=high
}

/// Returns the request body for the ancestors of `tip`, itself included.
pub(crate) fn request_json(tip: BlockHash) -> String {
    json!({ "upper": [tip.to_string()] }).to_string()
}

/// Reads the response for the requested heights. Heights missing at its end are below genesis.
pub(crate) fn from_json(
    body: &[u8],
    heights: RangeInclusive<u64>,
) -> Result<BTreeMap<u64, BlockHash>, Malformed> {
    let malformed = |why: String| Malformed::json("page of ancestors", why);
    let page: Page = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    let mut ancestors = BTreeMap::new();
    let mut remaining = heights.rev();
    for item in page.items {
        let height = remaining
            .next()
            .ok_or_else(|| malformed("more hashes than requested heights".to_owned()))?;
        ancestors.insert(
            height,
            item.parse()
                .map_err(|error| malformed(format!("height {height}: {error}")))?,
        );
    }
    Ok(ancestors)
}
