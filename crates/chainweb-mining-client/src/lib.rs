//! The program around the mining engine: command line, configuration, commands, the HTTP server of
//! the on-demand worker, and the log.

pub mod about;
pub mod bench;
pub mod cli;
pub mod commands;
pub mod completions;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod exit;
pub mod flags;
pub mod generate_key;
pub mod header;
pub mod logging;
pub mod man;
mod measure;
pub mod mine;
pub mod on_demand;
mod quantity;
pub mod shutdown;
pub mod simulate;
pub mod usage;
