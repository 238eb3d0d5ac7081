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
mod generate_key;
mod header;
mod health;
mod http;
pub mod live;
pub mod logging;
mod man;
mod measure;
pub mod metrics;
pub mod mine;
mod networks;
pub mod on_demand;
mod quantity;
pub mod reload;
mod service;
pub mod share_log;
pub mod shutdown;
mod simulate;
mod stats;
mod text;
mod usage;
