//! The log: one line per event on standard error, for people or as JSON for programs.
//!
//! Escape codes are written only where somebody sees colours: on a terminal, and not where `NO_COLOR` is set, unless
//! the flags say otherwise. JSON never has any.

mod format;
mod lines;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use miner::telemetry::table;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::prelude::*;

use self::format::{Json, Plain};
use self::lines::Lines;
pub use self::lines::flush;

/// How to log.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// How much to log to standard error.
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
    /// How the lines of the log look.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "plain",
        ignore_case = true,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// When to colour the log and help.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        ignore_case = true,
        value_name = "WHEN"
    )]
    pub color: ColorWhen,
    /// Colour nothing: the same as --color never, whatever --color says.
    #[arg(long, global = true)]
    pub no_color: bool,
}

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

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people: time, level, message and fields.
    Plain,
    /// An object with `timestamp`, `level`, `target` and `fields`, one of which is the `message`.
    Json,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless the variable `NO_COLOR` is set to something.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether lines have escape codes in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// They are coloured.
    On,
    /// They are text and nothing else.
    Off,
}

/// What an output is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// A terminal, which somebody looks at.
    Terminal,
    /// A file, a pipe or nothing.
    Other,
}

impl Output {
    /// What this one is connected to.
    fn of(output: &impl IsTerminal) -> Self {
        if output.is_terminal() {
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
        }
    }
}

impl LogArgs {
    /// How the failure that ends the program is told: as the log is, but a quiet log must not swallow it.
    pub fn failure_format(self) -> LogFormat {
        match self.log_level {
            LogLevel::Quiet => LogFormat::Plain,
            _ => self.log_format,
        }
    }

    /// Whether an output gets colours: by the flags, the variable `NO_COLOR` and what it is connected to.
    pub fn color_of(self, output: &impl IsTerminal) -> Color {
        let no_color = std::env::var_os("NO_COLOR");
        self.color(no_color.as_deref(), Output::of(output))
    }

    /// Flags come before the variable `NO_COLOR`, and both before what the output is.
    fn color(self, no_color: Option<&OsStr>, output: Output) -> Color {
        let is_refused = no_color.is_some_and(|value| !value.is_empty());
        match self.color {
            _ if self.no_color => Color::Off,
            ColorWhen::Always => Color::On,
            ColorWhen::Auto if output == Output::Terminal && !is_refused => Color::On,
            ColorWhen::Auto | ColorWhen::Never => Color::Off,
        }
    }

    /// The log that the flags describe. What `simnet` has to say has a level of its own.
    fn subscriber<W>(
        self,
        simnet: LogLevel,
        color: Color,
        writer: W,
    ) -> impl Subscriber + Send + Sync
    where
        W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
    {
        let level = self.log_level.filter();
        let filter = Targets::new()
            .with_default(level.min(Level::WARN.into()))
            .with_target("chainweb_mining_client", level)
            .with_target("listen", level)
            .with_target("miner", level)
            .with_target("node", level)
            .with_target("stratum", level)
            .with_target("simnet", simnet.filter());
        let layer = fmt::layer().with_writer(writer);
        let (layer, unused) = match self.log_format {
            LogFormat::Plain => {
                let format = Plain {
                    whole_hashes: self.log_level >= LogLevel::Debug,
                };
                let layer = layer.with_ansi(color == Color::On).event_format(format);
                (layer.boxed(), table::JSON)
            }
            LogFormat::Json => (
                layer.with_ansi(false).event_format(Json).boxed(),
                table::PLAIN,
            ),
        };
        let filter = filter.with_target(unused, LevelFilter::OFF);
        tracing_subscriber::registry().with(layer.with_filter(filter))
    }
}

/// Installs the log for the whole program. What `simnet` has to say is of interest only where the simulated network
/// is all there is.
///
/// # Errors
/// The system gives no thread.
pub fn install(args: LogArgs, simnet: LogLevel) -> io::Result<()> {
    let color = args.color_of(&io::stderr());
    let lines = Lines::of_stderr()?;
    args.subscriber(simnet, color, move || lines.clone()).init();
    Ok(())
}
