//! The program: reads the command line, sets up the log, runs a command and picks the exit code.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use miner::cli::{Cli, Command};
use miner::header::{HeaderArgs, HeaderCommandError, Verdict};
use miner::logging::{self, LogLevel};
use miner::shutdown::Signals;
use miner::{demo, mine, run};
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Wrong usage, as in `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
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
    let simnet = match cli.command {
        Some(Command::Simnet(_)) => cli.log_level,
        _ => LogLevel::Warn,
    };
    logging::install(cli.log_level, simnet);
    match start(&cli) {
        Ok(code) => code,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
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
            code = execute(cli, stop.clone()) => code,
            () = signals.watch(stop) => Ok(ExitCode::FAILURE),
        }
    });
    runtime.shutdown_background();
    code
}

async fn execute(cli: &Cli, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Demo(args)) => {
            let report = demo::run(args, stop).await?;
            let text = if args.json {
                serde_json::to_string(&report)?
            } else {
                report.to_string()
            };
            writeln!(io::stdout(), "{text}")?;
        }
        Some(Command::Simnet(args)) => args.run(stop.cancelled()).await?,
        Some(Command::Header(args)) => return header(args),
        None => match mine::config(&cli.mine) {
            Ok(config) => {
                run::run(config, stop).await?;
            }
            Err(error) => {
                writeln!(io::stderr(), "error: {error}")?;
                return Ok(ExitCode::from(USAGE));
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// Decodes headers: 1 if one of them is unsound, 64 if one cannot be read.
fn header(args: &HeaderArgs) -> anyhow::Result<ExitCode> {
    match args.run(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(Verdict::Sound) => Ok(ExitCode::SUCCESS),
        Ok(Verdict::Unsound) => Ok(ExitCode::FAILURE),
        Err(HeaderCommandError::Input(wrong)) => {
            writeln!(io::stderr(), "error: {:#}", anyhow::Error::new(wrong))?;
            Ok(ExitCode::from(USAGE))
        }
        // Whoever read the output has seen enough.
        Err(HeaderCommandError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(HeaderCommandError::Output(error)) => Err(error.into()),
    }
}
