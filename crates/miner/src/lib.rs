//! The mining client: everything between a chainweb node's mining API and whatever does the hashing.

pub mod about;
pub mod bench;
pub mod cli;
pub mod completions;
pub mod config;
pub mod coordinator;
pub mod demand;
pub mod demo;
pub mod doctor;
pub mod generate_key;
pub mod header;
pub mod job;
pub mod logging;
pub mod man;
mod measure;
pub mod meter;
pub mod mine;
pub mod run;
pub mod shutdown;
pub mod simulate;
pub mod telemetry;
pub mod timing;
pub mod units;
pub mod usage;
pub mod worker;
