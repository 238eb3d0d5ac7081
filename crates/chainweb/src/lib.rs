//! Pure data of Kadena's Chainweb network: headers, work, targets, the chain graph, and the
//! consensus rules that lead from one header to the next.
//!
//! No I/O, clock or randomness: times and bytes are arguments. Headers are laid out as by
//! `encodeBlockHeaderWithoutHash` in kadena-io/chainweb-node,
//! `src/Chainweb/BlockHeader/Internal.hs`.

mod adjustment;
mod block_header;
mod chain_id;
mod construct;
mod fork_state;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
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
pub use fork_state::ForkState;
pub use graph::{ChainGraph, GraphError, UnknownGraph};
pub use hash::{BlockHash, HashError, PayloadHash, PowHash};
pub use header::{Adjacents, HeaderError, HeaderFields, RecordedAdjacents, WorkHeader};
pub use nonce::Nonce;
pub use target::{Difficulty, Level, Target, TargetError};
pub use time::CreationTime;
pub use weight::Weight;
pub use work::{Work, WorkError};
