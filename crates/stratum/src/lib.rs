//! The server's side of Stratum as Kadena's mining devices speak it.
//!
//! [`Session`] is the protocol without sockets; [`Server`] puts it on TCP. Nodes are not known
//! here: live work arrives and solutions leave over channels, each under an opaque key of the work.

mod asked;
mod context;
mod difficulty_mode;
mod durations;
pub mod framing;
mod job;
mod job_id;
mod job_set;
mod log_limit;
pub mod message;
mod nonce1;
mod sent_jobs;
mod server;
mod session;
mod share_log;
mod share_target;
mod stats;
mod template;
mod tls;
mod vardiff;

pub use context::{SessionContext, SessionLimits};
pub use difficulty_mode::{DifficultyMode, DifficultyModeError};
pub use durations::{Durations, SharedDurations};
pub use job::StratumJob;
pub use job_id::{JobId, JobIds};
pub use job_set::{JobSet, JobSets};
pub use log_limit::LogLimit;
pub use nonce1::{Instance, InstanceError, Nonce1, Nonce1Size, Nonce1Space};
#[cfg(any(test, feature = "fuzzing"))]
pub use server::fuzzing;
pub use server::{Config, Counters, Counts, Ending, ProxyProtocol, Server, ServerError};
pub use session::{Close, Outbox, Session, SettingWarning, ShareEvent, Solution};
pub use share_log::{LoggedShare, LoggedShares, ShareLog, ShareLogState, ShareRecord};
pub use share_target::ShareTargets;
pub use stats::{
    Credit, Earlier, Freshness, Rejection, Rejections, Stats, WorkerName, WorkerSession,
    WorkerSnapshot,
};
pub use template::{LiveSet, LiveWork, Template};
pub use tls::{Tls, TlsError};
