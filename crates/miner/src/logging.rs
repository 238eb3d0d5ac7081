//! The log: one line per event on standard error.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[expect(
    missing_docs,
    reason = "the names say it, and they are the help text of the flag"
)]
pub enum LogLevel {
    Quiet,
    Error,
    Warn,
    Info,
    Debug,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::OFF,
            Self::Error => Level::ERROR.into(),
            Self::Warn => Level::WARN.into(),
            Self::Info => Level::INFO.into(),
            Self::Debug => Level::DEBUG.into(),
        }
    }
}

/// Installs the log for the whole program. What `simnet` has to say is of interest only where the simulated network
/// is all there is.
pub fn install(level: LogLevel, simnet: LogLevel) {
    let filter = Targets::new()
        .with_default(level.filter().min(Level::WARN.into()))
        .with_target("chainweb_mining_client", level.filter())
        .with_target("miner", level.filter())
        .with_target("node", level.filter())
        .with_target("stratum", level.filter())
        .with_target("simnet", simnet.filter());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !no_color)
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .init();
}
