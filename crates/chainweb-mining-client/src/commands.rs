//! Runs what the command line asks for, and prints the results.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use rand::rngs::SysRng;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Cli, Command};
use crate::doctor::{self, DoctorArgs};
use crate::header::{HeaderArgs, Verdict};
use crate::live::Setup;
use crate::logging::{Color, LogArgs};
use crate::reload::Certificate;
use crate::{alerts, bench, demo, exit, flags, generate_key, mine};

/// Runs what needs neither a log nor a runtime. Returns `None` if that is not what is asked for.
pub fn run_at_once(cli: &Cli) -> Option<anyhow::Result<ExitCode>> {
    let out = &mut io::stdout().lock();
    let written = match &cli.command {
        // Reads to the end of its input; a signal ends the process as usual.
        Some(Command::Header(args)) => return Some(decode_headers(args, out)),
        _ => match cli.about.text() {
            Some(text) => out.write_all(text.as_bytes()).and_then(|()| out.flush()),
            None if cli.generate_key.generate_key => generate_key::write(&mut SysRng, out),
            None => return None,
        },
    };
    Some(written.map(|()| ExitCode::SUCCESS).map_err(Into::into))
}

/// Runs a command, or mines if there is none, until it ends or `stop` is cancelled. Sets
/// `certificate` if there is one. What mines is shown by `live`.
///
/// # Errors
/// Returns the error that ends the command.
pub async fn run(
    cli: &Cli,
    stop: CancellationToken,
    certificate: &Certificate,
    live: Option<&Setup>,
) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Demo(args)) => {
            let report = Box::pin(demo::run(args, stop, live)).await?;
            print(args.json, &report)?;
        }
        Some(Command::Simnet(args)) => args.run(stop.cancelled()).await?,
        Some(Command::Bench(args)) => print(args.json, &bench::run(args.clone(), stop).await?)?,
        Some(Command::Header(args)) => return decode_headers(args, &mut io::stdout().lock()),
        Some(Command::Doctor(args)) => return examine(args, cli.log, stop).await,
        Some(Command::Health(args)) => {
            let health = args.ask().await?;
            writeln!(io::stdout(), "{health}")?;
            return Ok(ExitCode::from(u8::from(!health.is_well)));
        }
        Some(Command::Alerts(args)) => {
            let receivers = args.alerts.tested()?;
            let out = &mut io::stdout();
            let testing = alerts::test(receivers, out);
            let is_fine = stop.run_until_cancelled(testing).await.transpose()?;
            return Ok(ExitCode::from(u8::from(is_fine != Some(true))));
        }
        Some(Command::Stats(args)) => write!(io::stdout(), "{}", args.text().await?)?,
        Some(Command::Completions(args)) => args.write(cli::command(), &mut io::stdout())?,
        Some(Command::Man(args)) => args.write(cli::command(), &mut io::stdout())?,
        None => {
            let mining = flags::config(&cli.mine).await?;
            if let Some(tls) = mining.engine.worker.tls() {
                certificate.set(tls).ok();
            }
            let ended = mine::run(mining, stop, live).await?;
            if ended.counters.solutions_open > 0 && !ended.is_kept {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a result as text or as one JSON object.
fn print(json: bool, report: &(impl Serialize + Display)) -> anyhow::Result<()> {
    let text = if json {
        serde_json::to_string(report)?
    } else {
        report.to_string()
    };
    writeln!(io::stdout(), "{text}").context("cannot write the result")
}

/// Decodes headers. The exit code is 1 if one of them is invalid.
fn decode_headers(args: &HeaderArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match args.run(&mut io::stdin().lock(), out)? {
        Verdict::Sound => Ok(ExitCode::SUCCESS),
        Verdict::Unsound => Ok(ExitCode::FAILURE),
    }
}

/// Examines a node. The exit code is 1 unless mining on it would work.
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
        // The reader closed the output before it showed that mining would work.
        Err(error) if exit::is_broken_pipe(&error) => Ok(ExitCode::FAILURE),
        Err(error) => Err(error),
    }
}
