//! Pure data of Kadena's Chainweb network: what a miner reads, changes and checks.
//!
//! Numbers with their byte orders, block headers and mining work, the graph that braids the chains, and the
//! consensus rules that lead from one header to the next. Nothing here knows a socket, a clock or a source of
//! randomness: all of these arrive as arguments. The layout of the bytes is that of `encodeBlockHeaderWithoutHash`
//! in chainweb-node, `src/Chainweb/BlockHeader/Internal.hs`.

mod adjustment;
mod block_header;
mod chain_id;
mod construct;
mod graph;
mod hash;
mod header;
mod layout;
mod merkle;
mod nonce;
mod target;
mod time;
mod weight;
mod work;

pub use adjustment::AdjustmentRules;
pub use block_header::BlockHeader;
pub use chain_id::ChainId;
pub use construct::{Genesis, next_header};
pub use graph::{ChainGraph, GraphError, UnknownGraph};
pub use hash::{BlockHash, HashError, PayloadHash, PowHash};
pub use header::{Adjacents, HeaderError, HeaderFields, RecordedAdjacents, WorkHeader};
pub use nonce::Nonce;
pub use target::{Difficulty, Level, Target, TargetError};
pub use time::CreationTime;
pub use weight::Weight;
pub use work::{Work, WorkError};
