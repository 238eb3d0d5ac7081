//! The program: reads the command line and the settings, installs the log, runs a command and
//! returns its exit code.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use chainweb_mining_client::cli::{self, Cli};
use chainweb_mining_client::config::{self, Flags, Invocation, Settings};
use chainweb_mining_client::exit::{self, QUIT_LIMIT, USAGE, eprint};
use chainweb_mining_client::live::Setup;
use chainweb_mining_client::logging::{self, LogFilter, LogFormat};
use chainweb_mining_client::platform::Signals;
use chainweb_mining_client::reload::{Certificate, Reload};
use chainweb_mining_client::{commands, shutdown};
use miner::worker::external::reap_orphans;
use tokio_util::sync::CancellationToken;
use tracing::warn;

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    let code = match config::read(cli::coloured(&args), args.clone()) {
        Ok(Invocation::Settings(flags)) => block_on(configured(*flags, &args)),
        Ok(Invocation::Command(cli)) => command(&cli),
        Err(answer) => print_answer(&answer),
    };
    logging::flush(QUIT_LIMIT);
    code
}

/// Prints help, the version, or an error in the flags of a command.
fn print_answer(answer: &clap::Error) -> ExitCode {
    let printed = answer.print();
    if answer.use_stderr() {
        // If standard error is closed, only the exit code remains.
        return ExitCode::from(USAGE);
    }
    let printed = printed.context("cannot print the answer");
    exit_code(printed.map(|()| ExitCode::SUCCESS))
}

/// Runs a command without settings.
fn command(cli: &Cli) -> ExitCode {
    if let Some(result) = commands::run_at_once(cli) {
        return exit_code(result);
    }
    let live = match install_log(cli) {
        Ok(log) => Setup::new(&log, cli.log, cli.simnet_log_level()),
        Err(error) => return exit_code(Err(error)),
    };
    let format = cli.log.failure_format();
    block_on(async {
        let result = match install_signals() {
            Ok(signals) => run(cli, signals, &Certificate::new(), live.as_ref()).await,
            Err(error) => Err(error),
        };
        exit::code(result, format, |_| Vec::new())
    })
}

/// Reads the settings of all sources, and mines or runs a command with them.
async fn configured(flags: Flags, args: &[OsString]) -> ExitCode {
    let mut signals = match install_signals() {
        Ok(signals) => signals,
        Err(error) => return exit_code(Err(error)),
    };
    let hang_ups = signals.take_hang_ups();
    let settings = tokio::select! {
        settings = Box::pin(flags.resolve::<Cli>(env::vars_os(), eprint)) => settings,
        signal = signals.next() => {
            eprint(&format!("{signal}: stopping before all settings were read"));
            return ExitCode::SUCCESS;
        }
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(problems) => {
            eprint(&format!("error: {problems}"));
            return ExitCode::from(USAGE);
        }
    };
    if let Some(printed) = &settings.printed {
        return exit_code(print_settings(&settings, printed));
    }
    let cli = &settings.parsed;
    if let Some(result) = commands::run_at_once(cli) {
        return exit_code(result);
    }
    let log = match install_log(cli) {
        Ok(log) => log,
        Err(error) => return exit_code(Err(error)),
    };
    for warning in settings.warnings() {
        warn!(event = "suspicious_setting", warning, "suspicious setting");
    }
    let certificate = Certificate::new();
    let live = Setup::new(&log, cli.log, cli.simnet_log_level());
    let reload = Reload {
        args,
        environment: env::vars_os().collect(),
        started: &settings,
        certificate: &certificate,
        log,
    };
    let result = tokio::select! {
        result = run(cli, signals, &certificate, live.as_ref()) => result,
        never = reload.at_each(hang_ups) => match never {},
    };
    let origins = |message: &str| settings.origins_in(message);
    exit::code(result, cli.log.failure_format(), origins)
}

fn print_settings(settings: &Settings<Cli>, printed: &str) -> anyhow::Result<ExitCode> {
    for warning in settings.warnings() {
        eprint(&format!("warning: {warning}"));
    }
    io::stdout().write_all(printed.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs until the end, or until the second signal.
async fn run(
    cli: &Cli,
    signals: Signals,
    certificate: &Certificate,
    live: Option<&Setup>,
) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    tokio::select! {
        result = commands::run(cli, stop.clone(), certificate, live) => result,
        () = shutdown::watch(signals, stop) => Ok(ExitCode::FAILURE),
        never = reap_orphans() => match never {},
    }
}

fn install_signals() -> anyhow::Result<Signals> {
    Signals::install().context("cannot install the signal handlers")
}

fn install_log(cli: &Cli) -> anyhow::Result<LogFilter> {
    logging::install(cli.log, cli.simnet_log_level()).context("cannot start the log")
}

/// The exit code of what ends before the log is installed.
fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    exit::code(result, LogFormat::Plain, |_| Vec::new())
}

/// Runs a future on two threads, which serve all connections; hashing has its own threads.
///
/// Tasks that still run afterwards, such as the resolution of a name, get a short time to end.
fn block_on(future: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime");
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(future);
            runtime.shutdown_timeout(QUIT_LIMIT);
            code
        }
        Err(error) => exit_code(Err(error)),
    }
}
