//! The offsets of the fields of a header.
//!
//! `encodeBlockHeaderWithoutHash`, kadena-io/chainweb-node `src/Chainweb/BlockHeader/Internal.hs`:
//! flags, time, parent and adjacent count, then one record of 36 bytes per adjacent chain, then the
//! rest. All offsets after the records depend on their number, the degree of the graph.

use std::ops::Range;

pub(crate) const FLAGS: Range<usize> = 0..8;
pub(crate) const CREATION_TIME: Range<usize> = 8..16;
pub(crate) const PARENT: Range<usize> = 16..48;
pub(crate) const ADJACENT_COUNT: Range<usize> = 48..50;
pub(crate) const ADJACENTS: usize = 50;
/// Chain id (4) and block hash (32).
pub(crate) const ADJACENT_RECORD: usize = 36;
/// The value of the adjacent count in headers with a hash over the adjacent hashes.
pub(crate) const HASHED_ADJACENTS: [u8; 2] = [0xf0, 0xf0];
/// The length without records.
pub(crate) const FIXED: usize = 178;

// Offsets from the end of the records.
pub(crate) const TARGET: Range<usize> = 0..32;
pub(crate) const PAYLOAD: Range<usize> = 32..64;
pub(crate) const CHAIN: Range<usize> = 64..68;
pub(crate) const WEIGHT: Range<usize> = 68..100;
pub(crate) const HEIGHT: Range<usize> = 100..108;
pub(crate) const VERSION: Range<usize> = 108..112;
pub(crate) const EPOCH_START: Range<usize> = 112..120;
pub(crate) const NONCE: Range<usize> = 120..128;
