//! The Stratum dialect that Kadena ASICs speak: its messages, its sessions and the server.
//!
//! The protocol comes without sockets; the server puts it on TCP. Neither knows a chainweb node: works come in and
//! solutions go out over channels, each under an opaque key of the work.

mod boards;
mod difficulty_mode;
pub mod framing;
mod job;
mod job_id;
mod judge;
pub mod message;
mod nonce1;
mod origin;
mod server;
mod session;
mod stats;
mod terms;
mod vardiff;

pub use boards::{Board, Boards};
pub use difficulty_mode::{DifficultyMode, DifficultyModeError};
pub use job::StratumJob;
pub use job_id::{JobId, JobIds};
pub use judge::ShareTargets;
pub use nonce1::{Exhausted, Instance, InstanceError, Nonce1, Nonce1Size, Nonce1Space};
pub use origin::{LiveWork, Novelty, Origin};
pub use server::{Config, Counters, Server, ServerError};
pub use session::{Close, Outbox, Session, ShareEvent, Solution};
pub use stats::{
    Freshness, HashRates, Rejection, Rejections, Stats, WorkerName, WorkerSession, WorkerSnapshot,
    table,
};
pub use terms::{SessionLimits, Terms};
pub use vardiff::{Vardiff, VardiffConfig, start_level};
