//! The log: one line per event on standard error, as text or as JSON.
//!
//! Only a terminal gets colours, and not if `NO_COLOR` is set, unless flags override both. JSON has
//! no colours. The journal of systemd has times and levels of its own.

pub(crate) mod capture;
mod format;
#[cfg_attr(not(unix), expect(dead_code, reason = "for the live area"))]
mod lines;
#[cfg_attr(not(unix), expect(dead_code, reason = "for the live area"))]
mod screen;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use miner::telemetry::{status, table};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, reload};

use self::format::Format;
use self::lines::Lines;
pub use self::lines::flush;
#[cfg(unix)]
pub(crate) use self::lines::{close, forget, print, show};
#[cfg(unix)]
pub(crate) use self::screen::{Area, Row, Tone};
use crate::platform::takes_escape_codes;
use crate::service::is_journal;

/// How to log.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// Log level, on standard error.
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "info",
        ignore_case = true,
        value_name = "LEVEL"
    )]
    pub log_level: LogLevel,
    /// Log format: plain text or JSON.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "plain",
        ignore_case = true,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// When to use colours.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        ignore_case = true,
        value_name = "WHEN"
    )]
    pub color: ColorWhen,
    /// Same as --color never.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Only log: no live figures and hotkeys below the log on a terminal.
    #[arg(long, global = true)]
    pub no_live: bool,
}

/// The least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[expect(
    missing_docs,
    reason = "the names are clear, and a comment would become help text"
)]
pub enum LogLevel {
    Quiet,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Time, level, message and fields in one line of text.
    Plain,
    /// An object with `timestamp`, `level`, `target` and `fields`, including the `message`.
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless the variable `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where the status and the devices are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Summaries {
    /// In lines of the log, from time to time.
    Logged,
    /// Below the log only.
    #[cfg_attr(not(unix), expect(dead_code, reason = "for the live area"))]
    Live,
}

/// Whether lines contain escape codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// With colours.
    On,
    /// Plain text.
    Off,
}

/// The kind of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// A terminal that takes escape codes.
    Terminal,
    /// A file, a pipe or nothing.
    Other,
}

impl Output {
    /// Returns the kind of an output.
    fn of(output: &impl IsTerminal) -> Self {
        if output.is_terminal() && takes_escape_codes() {
            Self::Terminal
        } else {
            Self::Other
        }
    }
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::OFF,
            Self::Error => Level::ERROR.into(),
            Self::Warn => Level::WARN.into(),
            Self::Info => Level::INFO.into(),
            Self::Debug => Level::DEBUG.into(),
            Self::Trace => Level::TRACE.into(),
        }
    }
}

impl LogArgs {
    /// Returns the format of the error that ends the program: that of the log, or plain text if the
    /// log is quiet.
    pub fn failure_format(self) -> LogFormat {
        match self.log_level {
            LogLevel::Quiet => LogFormat::Plain,
            _ => self.log_format,
        }
    }

    /// Returns whether an output has colours, by the flags, the variable `NO_COLOR` and its kind.
    pub fn color_of(self, output: &impl IsTerminal) -> Color {
        let no_color = std::env::var_os("NO_COLOR");
        self.color(no_color.as_deref(), Output::of(output))
    }

    /// Flags override the variable `NO_COLOR`, and both override the kind of the output.
    fn color(self, no_color: Option<&OsStr>, output: Output) -> Color {
        let is_refused = no_color.is_some_and(|value| !value.is_empty());
        match self.color {
            _ if self.no_color => Color::Off,
            ColorWhen::Always => Color::On,
            ColorWhen::Auto if output == Output::Terminal && !is_refused => Color::On,
            ColorWhen::Auto | ColorWhen::Never => Color::Off,
        }
    }

    /// Returns which lines are logged. `simnet` has its own level.
    fn filter(self, simnet: LogLevel, summaries: Summaries) -> Targets {
        let level = self.log_level.filter();
        let unused = match self.log_format {
            LogFormat::Plain => table::JSON,
            LogFormat::Json => table::PLAIN,
        };
        let summaries = match summaries {
            Summaries::Logged => level,
            Summaries::Live => LevelFilter::OFF,
        };
        Targets::new()
            .with_target(status::TARGET, summaries)
            .with_target(table::PLAIN, summaries)
            .with_target(table::JSON, summaries)
            .with_default(level.min(Level::WARN.into()))
            .with_target("chainweb_mining_client", level)
            .with_target("listen", level)
            .with_target("miner", level)
            .with_target("node", level)
            .with_target("stratum", level)
            .with_target("simnet", simnet.filter())
            .with_target(unused, LevelFilter::OFF)
    }

    /// Returns the log that the flags describe, and its filter. `simnet` has its own level.
    fn subscriber<W>(
        self,
        simnet: LogLevel,
        color: Color,
        writer: W,
    ) -> (impl Subscriber + Send + Sync, LogFilter)
    where
        W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
    {
        let layer = fmt::layer().with_writer(writer);
        let format = match self.log_format {
            LogFormat::Plain => Format::Plain {
                whole_hashes: self.log_level >= LogLevel::Debug,
                to_journal: is_journal(),
            },
            LogFormat::Json => Format::Json,
        };
        let has_colors = color == Color::On && self.log_format == LogFormat::Plain;
        let layer = layer.with_ansi(has_colors).event_format(format);
        let (filter, handle) = reload::Layer::new(self.filter(simnet, Summaries::Logged));
        let log = tracing_subscriber::registry().with(layer.with_filter(filter));
        (log, LogFilter(handle, self.log_format))
    }
}

/// The filter of the installed log.
#[derive(Clone, Debug)]
pub struct LogFilter(reload::Handle<Targets, Registry>, LogFormat);

impl LogFilter {
    /// Applies other levels. `simnet` is that of the simulated network.
    pub(crate) fn set(&self, args: LogArgs, simnet: LogLevel, summaries: Summaries) {
        // The format stays.
        let args = LogArgs {
            log_format: self.1,
            ..args
        };
        // Fails only if there is no log any more.
        self.0.reload(args.filter(simnet, summaries)).ok();
    }
}

/// Installs the log for the whole program, and returns its filter. `simnet` is the level of the
/// simulated network.
///
/// # Errors
/// Returns an error if the system cannot start the thread of the log.
pub fn install(args: LogArgs, simnet: LogLevel) -> io::Result<LogFilter> {
    let color = args.color_of(&io::stderr());
    let lines = Lines::of_stderr(args.log_format, color)?;
    let (log, filter) = args.subscriber(simnet, color, move || lines.clone());
    log.init();
    Ok(filter)
}
