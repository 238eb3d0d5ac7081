//! The Stratum dialect that Kadena ASICs speak: its messages, its sessions and the server.
//!
//! The protocol comes without sockets; the server puts it on TCP. Neither knows a chainweb node: work comes in and
//! solutions go out over channels, each under an opaque key of the work.

pub mod framing;
mod job_id;
pub mod message;
mod nonce1;

pub use job_id::{JobId, JobIds};
pub use nonce1::{Exhausted, Instance, InstanceError, Nonce1, Nonce1Size, Nonce1Space};
