//! The program around the mining engine: command line, configuration, commands, the HTTP server of
//! the on-demand worker, the log, and the live area on a terminal.

mod about;
pub mod alerts;
pub mod api;
mod ask;
mod bench;
pub mod cli;
pub mod commands;
mod completions;
pub mod config;
mod demo;
pub mod doctor;
pub mod exit;
mod flags;
#[cfg(all(unix, any(test, feature = "fuzzing")))]
pub mod fuzzing;
mod generate_key;
mod header;
mod health;
mod http;
#[cfg(unix)]
pub mod live;
pub mod logging;
mod man;
mod measure;
pub mod metrics;
pub mod mine;
mod networks;
#[cfg(not(unix))]
pub mod no_live;
#[cfg(not(unix))]
mod no_service;
pub mod on_demand;
pub mod platform;
mod quantity;
pub mod reload;
#[cfg(unix)]
mod service;
pub mod share_log;
pub mod shutdown;
mod simulate;
mod stats;
mod text;
mod usage;

#[cfg(not(unix))]
pub use self::no_live as live;
#[cfg(not(unix))]
use self::no_service as service;
