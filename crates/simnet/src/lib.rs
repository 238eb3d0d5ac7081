//! A simulated chainweb network with one node, good enough that a mining client works on it unchanged.
//!
//! Real headers on real braided chains, real proof of work, real difficulty adjustment, foreign miners, and faults
//! on demand. The network itself is pure; [`Simnet`] puts it behind the node's HTTP API. It is written from the
//! node's protocol alone and shares no code with any client. What it does not play: nodes of the EVM line, fork
//! votes, changes of graph, and the delay between a block found and the cut that holds it.

mod clock;
mod config;
mod endpoint;
mod engine;
mod faults;
mod network;
mod report;
mod server;
mod simnet;

pub use config::{Config, ConfigError, GenesisBlocks, Limits, Miner, Miners, ProofOfWork, Release};
pub use endpoint::{Endpoint, RequestCounts};
pub use faults::{Faults, Rule, RuleId, Times, Verdict};
pub use network::MoveError;
pub use report::{OwnBlock, Report, Tally, Tip};
pub use simnet::{Simnet, run};
