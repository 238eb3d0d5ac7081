//! The mining engine: fetches work from a chainweb node, keeps it fresh, passes it to a worker and
//! submits the solutions.

mod coordinator;
mod demand;
pub mod history;
pub mod job;
pub mod meter;
pub mod platform;
pub mod run;
pub mod telemetry;
pub mod timing;
pub mod units;
pub mod worker;

pub use self::coordinator::Preemption;
#[cfg(feature = "bench")]
pub use self::coordinator::benching;
