//! The program: reads the command line and the settings, sets up the log, runs a command and picks the exit code.

use std::env;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chainweb_mining_client::cli::{Cli, Command};
use chainweb_mining_client::config::{self, Flags, Invocation};
use chainweb_mining_client::doctor::{self, DoctorArgs};
use chainweb_mining_client::header::{HeaderArgs, HeaderCommandError, Verdict};
use chainweb_mining_client::logging::{self, Color, LogArgs, LogFormat, LogLevel};
use chainweb_mining_client::shutdown::Signals;
use chainweb_mining_client::usage::UsageError;
use chainweb_mining_client::{bench, cli, demo, flags as settings, generate_key, mine};
use rand::rngs::SysRng;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// How long the tasks of a program that leaves may take to be dropped.
const LEAVING: Duration = Duration::from_millis(500);

/// Wrong usage, as in `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let code = invoked();
    logging::flush(LEAVING);
    code
}

fn invoked() -> ExitCode {
    match config::read(env::args_os()) {
        Ok(Invocation::Settings(flags)) => configured(*flags),
        Ok(Invocation::Command(cli)) => command(&cli),
        Err(answer) => {
            let printed = answer.print();
            if answer.use_stderr() {
                // Where even this cannot be printed, the exit code has to do.
                ExitCode::from(USAGE)
            } else {
                let printed = printed.context("cannot print the answer");
                exit_code(printed.map(|()| ExitCode::SUCCESS), LogFormat::Plain)
            }
        }
    }
}

fn command(cli: &Cli) -> ExitCode {
    if let Some(Command::Header(args)) = &cli.command {
        // Reads to the end of its input: a signal ends it as the system does.
        return exit_code(header(args), LogFormat::Plain);
    }
    if let Some(printed) = print_at_once(cli) {
        return exit_code(printed.map(|()| ExitCode::SUCCESS), LogFormat::Plain);
    }
    if let Err(error) = install_log(cli) {
        return exit_code(Err(error), LogFormat::Plain);
    }
    let result = finished(async {
        let signals = Signals::install().context("signals cannot be handled")?;
        run_until(signals, cli).await
    });
    exit_code(result.flatten(), cli.log.failure_format())
}

/// Does what is asked with the settings of all sources, or prints them.
fn configured(flags: Flags) -> ExitCode {
    match finished(settled(flags)) {
        Ok(code) => code,
        Err(error) => exit_code(Err(error), LogFormat::Plain),
    }
}

/// Gathers the settings and does what they say. A signal in between is a clean end: nothing has begun.
async fn settled(flags: Flags) -> ExitCode {
    let mut signals = match Signals::install().context("signals cannot be handled") {
        Ok(signals) => signals,
        Err(error) => return exit_code(Err(error), LogFormat::Plain),
    };
    let settings = tokio::select! {
        settings = Box::pin(flags.resolve(env::vars_os(), tell)) => settings,
        signal = signals.next() => {
            tell(&format!("{signal}: leaving before all settings are read"));
            return ExitCode::SUCCESS;
        }
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(mistakes) => {
            tell(&format!("error: {mistakes}"));
            return ExitCode::from(USAGE);
        }
    };
    if let Some(printed) = &settings.printed {
        for warning in &settings.warnings {
            tell(&format!("warning: {warning}"));
        }
        let written = io::stdout().write_all(printed.as_bytes());
        let written = written.map(|()| ExitCode::SUCCESS).map_err(Into::into);
        return exit_code(written, LogFormat::Plain);
    }
    let cli = &settings.cli;
    if let Some(printed) = print_at_once(cli) {
        return exit_code(printed.map(|()| ExitCode::SUCCESS), LogFormat::Plain);
    }
    if let Err(error) = install_log(cli) {
        return exit_code(Err(error), LogFormat::Plain);
    }
    for warning in &settings.warnings {
        warn!(warning, "odd settings");
    }
    match run_until(signals, cli).await {
        Err(error) if error.is::<UsageError>() => {
            let origins = settings.origins_in(&format!("{error:#}"));
            tell_failure(&error, &origins, cli.log.failure_format());
            ExitCode::from(USAGE)
        }
        result => exit_code(result, cli.log.failure_format()),
    }
}

fn install_log(cli: &Cli) -> anyhow::Result<()> {
    logging::install(cli.log, simnet_log_level(cli)).context("the log cannot start")
}

/// Says something where the log is not there yet, or not any more.
fn tell(line: &str) {
    logging::flush(LEAVING);
    // Where even this cannot be printed, the exit code has to do.
    writeln!(io::stderr(), "{line}").ok();
}

/// Prints what needs no log, if such a thing is asked for.
fn print_at_once(cli: &Cli) -> Option<anyhow::Result<()>> {
    let out = &mut io::stdout().lock();
    if let Some(about) = cli.about.asked() {
        return Some(about.write(out).map_err(Into::into));
    }
    let is_asked = cli.generate_key.generate_key;
    is_asked.then(|| generate_key::write(&mut SysRng, out).map_err(Into::into))
}

/// The log level of the simulated network, which is of interest only where it is all there is.
fn simnet_log_level(cli: &Cli) -> LogLevel {
    match cli.command {
        Some(Command::Simnet(_)) => cli.log.log_level,
        _ => cli.log.log_level.min(LogLevel::Warn),
    }
}

/// The exit code of what has ended. If it failed, says why.
fn exit_code(result: anyhow::Result<ExitCode>, format: LogFormat) -> ExitCode {
    match result {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell_failure(&error, &[], format);
            if error.is::<UsageError>() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Says why the program fails, and where the flags that this is about were set.
fn tell_failure(error: &anyhow::Error, origins: &[String], format: LogFormat) {
    let error = format!("{error:#}");
    match format {
        LogFormat::Plain => {
            tell(&format!("error: {error}"));
            for origin in origins {
                tell(&format!("  {origin}"));
            }
        }
        LogFormat::Json => {
            let origins = (!origins.is_empty()).then(|| origins.join("; "));
            error!(error, origins, "the program fails");
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Two threads serve all connections; hashing has threads of its own.
fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot start")
}

/// Waits for what takes time. What a worker has started ends with its task, and the tasks end here, even while a name is
/// being resolved.
fn finished<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LEAVING);
    Ok(result)
}

/// Runs until it ends or the second signal comes.
async fn run_until(signals: Signals, cli: &Cli) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    tokio::select! {
        result = execute(cli, stop.clone()) => result,
        () = signals.watch(stop) => Ok(ExitCode::FAILURE),
    }
}

async fn execute(cli: &Cli, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Demo(args)) => {
            let report = demo::run(args, stop).await?;
            print(args.json, &report)?;
        }
        Some(Command::Simnet(args)) => args.run(stop.cancelled()).await?,
        Some(Command::Bench(args)) => {
            let report = bench::run(args.clone(), stop).await?;
            print(args.json, &report)?;
        }
        Some(Command::Header(args)) => return header(args),
        Some(Command::Doctor(args)) => return examine(args, cli.log, stop).await,
        Some(Command::Completions(args)) => args.write(cli::command(), &mut io::stdout())?,
        Some(Command::Man(args)) => args.write(cli::command(), &mut io::stdout())?,
        None => {
            mine::run(settings::config(&cli.mine).await?, stop).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a result for people, or as one JSON object.
fn print(json: bool, report: &(impl Serialize + Display)) -> anyhow::Result<()> {
    let text = if json {
        serde_json::to_string(report)?
    } else {
        report.to_string()
    };
    writeln!(io::stdout(), "{text}").context("cannot write the result")
}

/// Decodes headers: 1 if one of them is unsound.
fn header(args: &HeaderArgs) -> anyhow::Result<ExitCode> {
    match args.run(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(Verdict::Sound) => Ok(ExitCode::SUCCESS),
        Ok(Verdict::Unsound) => Ok(ExitCode::FAILURE),
        Err(HeaderCommandError::Input(wrong)) => Err(UsageError::Header(wrong).into()),
        Err(HeaderCommandError::Output(error)) => Err(error.into()),
    }
}

/// Examines a node: 1 unless mining on it would work.
async fn examine(
    args: &DoctorArgs,
    log: LogArgs,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let form = match log.color_of(&io::stdout()) {
        _ if args.json => doctor::Form::Json,
        Color::On => doctor::Form::Coloured,
        Color::Off => doctor::Form::Plain,
    };
    match doctor::run(args, stop, &mut io::stdout(), form).await {
        Ok(doctor::Verdict::Healthy) => Ok(ExitCode::SUCCESS),
        Ok(doctor::Verdict::Unwell) => Ok(ExitCode::FAILURE),
        // Whoever has seen enough has not seen that mining would work.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::FAILURE),
        Err(error) => Err(error),
    }
}
