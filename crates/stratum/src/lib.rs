//! The Stratum dialect that Kadena ASICs speak: its messages, its sessions and the server.
//!
//! Empty so far. The crate holds its place in the workspace, so that the direction of dependencies is fixed before
//! there is code that could break it: it knows the protocol and TCP, and never a chainweb node.

mod stats;
mod vardiff;

pub use stats::{
    Freshness, HashRates, Rejection, Rejections, Stats, WorkerName, WorkerSession, WorkerSnapshot,
    table,
};
pub use vardiff::{Vardiff, VardiffConfig, start_level};
