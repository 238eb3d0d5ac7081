//! The program: reads the command line, sets up the log, runs a command and picks the exit code.

use std::env;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use miner::cli::{Cli, Command};
use miner::header::{HeaderArgs, HeaderCommandError, Verdict};
use miner::logging::{self, LogFormat, LogLevel};
use miner::shutdown::Signals;
use miner::usage::UsageError;
use miner::{bench, cli, demo, generate_key, mine, run};
use rand::rngs::SysRng;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Wrong usage, as in `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match cli::parse(env::args_os()) {
        Ok(cli) => cli,
        Err(answer) => {
            let code = if answer.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
            // Where even this cannot be printed, the exit code has to do.
            answer.print().ok();
            return code;
        }
    };
    if let Some(Command::Header(args)) = &cli.command {
        // Reads to the end of its input: a signal ends it as the system does.
        return exit_code(header(args), LogFormat::Plain);
    }
    if let Some(printed) = print_at_once(&cli) {
        return exit_code(printed.map(|()| ExitCode::SUCCESS), LogFormat::Plain);
    }
    logging::install(cli.log, simnet_log_level(&cli));
    exit_code(start(&cli), cli.log.failure_format())
}

/// Prints what needs neither a log nor a configuration, if such a thing is asked for.
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
            let is_usage = error.is::<UsageError>();
            match format {
                // Where even this cannot be printed, the exit code has to do.
                LogFormat::Plain => drop(writeln!(io::stderr(), "error: {error:#}")),
                LogFormat::Json => error!(error = format!("{error:#}"), "the program fails"),
            }
            if is_usage {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Runs a command that takes time, until it ends or the second signal comes.
fn start(cli: &Cli) -> anyhow::Result<ExitCode> {
    // Two threads serve all connections; hashing has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let code = runtime.block_on(async {
        let stop = CancellationToken::new();
        let signals = Signals::install().context("signals cannot be handled")?;
        tokio::select! {
            result = execute(cli, stop.clone()) => result.map(|()| ExitCode::SUCCESS),
            () = signals.watch(stop) => Ok(ExitCode::FAILURE),
        }
    });
    runtime.shutdown_background();
    code
}

async fn execute(cli: &Cli, stop: CancellationToken) -> anyhow::Result<()> {
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
        Some(Command::Header(args)) => drop(header(args)?),
        Some(Command::Completions(args)) => args.write(cli::command(), &mut io::stdout())?,
        Some(Command::Man(args)) => args.write(cli::command(), &mut io::stdout())?,
        None => {
            run::run(mine::config(&cli.mine).await?, stop).await?;
        }
    }
    Ok(())
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
