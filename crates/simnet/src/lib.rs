//! A simulated Chainweb network behind one or several nodes, which mining clients use unchanged.
//!
//! Headers, braided chains, proof of work and difficulty adjustment are real. Foreign miners extend
//! the chains, and rules inject faults. [`Simnet`] serves the network over the HTTP API of
//! chainweb-node; `network` is a pure state machine below it. The crate shares no code with any
//! client. It does not simulate graph changes, or the delay between a solution and its cut.
//!
//! Doc comments cite files of `kadena-io/chainweb-node`, relative to its `src` folder.

#[cfg(feature = "bench")]
pub mod benching;
mod clock;
mod config;
mod endpoint;
mod engine;
mod faults;
mod incident;
mod link;
mod network;
mod node;
mod nodes;
mod observation;
mod report;
mod server;
mod service;
mod simnet;

pub use config::{
    ChainChoice, Config, ConfigError, CutEndpoint, ForkRules, GenesisBlocks, Limits, Miner, Miners,
    Payloads, Preset, ProofOfWork, Release, version_code_of,
};
pub use endpoint::{Endpoint, RequestCounts};
pub use faults::{Faults, Rule, RuleId, Times, Verdict};
pub use incident::{Incident, IncidentKind};
pub use link::Link;
pub use network::MoveError;
pub use node::Node;
pub use observation::{Moment, Observation, Observer};
pub use report::{OwnBlock, Report, Tally, Tip};
pub use simnet::{Simnet, bind, run};
