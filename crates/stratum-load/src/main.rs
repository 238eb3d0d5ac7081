//! The program: parses the command line, runs a command and prints its result.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use serde::Serialize;
use serde_json::json;
use stratum_load::cli::{Cli, Command, Floor};
use stratum_load::{bench, device, floor, load, machine, serve};

/// Exit code of wrong usage, `EX_USAGE` of `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // If printing fails, only the exit code remains.
            answer.print().ok();
            return if answer.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match execute(&cli.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // If printing fails, only the exit code remains.
            writeln!(io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Waits until the time is over or Ctrl-C, with a line each second on standard error.
async fn time_over(devices: usize, duration: Duration) {
    let began = Instant::now();
    let progress = async {
        loop {
            let (now, end) = (began.elapsed().as_secs(), duration.as_secs());
            // If printing fails, only the report remains.
            writeln!(io::stderr(), "{devices} devices mining, {now} of {end} s").ok();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {}
        () = tokio::time::sleep(duration) => {}
        () = progress => {}
    }
}

/// Executes a command. Returns whether the result is good.
fn execute(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Run(args) => {
            let report = load::run(args, &program()?)?;
            print(&report, args.json)?;
            report.require_login()?;
        }
        Command::Devices(args) => {
            let configs = args.configs();
            let end = time_over(configs.len(), args.duration);
            let mining = device::run_until(&configs, args.address, end);
            let report = runtime()?.block_on(mining)?;
            print(&report, args.json)?;
            return Ok(report.is_flawless());
        }
        Command::Bench(args) => {
            let figures = bench::run(args, program()?, |figure| {
                if args.json {
                    return Ok(());
                }
                writeln!(io::stdout(), "{figure}")
            })?;
            if args.json {
                print(&json!({ "figures": figures }), true)?;
            }
            return Ok(figures.iter().all(bench::Figure::is_met));
        }
        Command::Serve(args) => {
            pin(args.core)?;
            runtime()?.block_on(serve::run(args))?;
        }
        Command::Floor(args) => {
            pin(args.core)?;
            match args.floor {
                Floor::Write { connections } => floor::write::run(connections, io::stdin().lock())?,
                Floor::Echo => runtime()?.block_on(floor::echo::run())?,
            }
        }
    }
    Ok(true)
}

/// Returns the path of this program, to start servers.
fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the path of this program")
}

fn pin(core: Option<usize>) -> anyhow::Result<()> {
    if let Some(core) = core {
        machine::pin_to_core(core).with_context(|| format!("cannot pin to core {core}"))?;
    }
    Ok(())
}

/// Returns a runtime of one thread: every command measures, or is measured, on one core.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("cannot start the runtime")
}

fn print(result: &(impl Serialize + Display), json: bool) -> anyhow::Result<()> {
    let text = if json {
        serde_json::to_string(result)?
    } else {
        result.to_string()
    };
    writeln!(io::stdout(), "{}", text.trim_end()).context("cannot write the result")
}
