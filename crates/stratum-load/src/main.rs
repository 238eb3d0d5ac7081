//! The program: parses the command line, runs a command and prints its result.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use stratum_load::cli::{BenchArgs, Cli, Command, DevicesArgs, Floor, FloorArgs, RunArgs};
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
        Ok(code) => code,
        Err(error) => {
            // If printing fails, only the exit code remains.
            writeln!(io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn execute(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run(args),
        Command::Devices(args) => devices(args),
        Command::Bench(args) => measure(args),
        Command::Serve(args) => {
            pin(args.core)?;
            runtime()?.block_on(serve::run(args))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Floor(args) => serve_floor(args),
    }
}

/// Prints the report; fails if no session logged in.
fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let report = load::run(args.load(program))?;
    if args.json {
        print(&serde_json::to_string(&report)?)?;
    } else {
        print(&report.to_string())?;
    }
    report.require_login()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the report; fails unless it is flawless.
fn devices(args: &DevicesArgs) -> anyhow::Result<ExitCode> {
    let configs = args.configs();
    let report = runtime()?.block_on(device::run_all(&configs, args.address, args.duration))?;
    if args.json {
        print(&serde_json::to_string(&report)?)?;
    } else {
        print(&report.to_string())?;
    }
    Ok(success_if(report.is_flawless()))
}

/// Prints each figure; fails if one is outside its bound.
fn measure(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let table = bench::run(&args.plan(program), |figure| {
        if args.json {
            return Ok(());
        }
        writeln!(io::stdout(), "{figure}")
    })?;
    if args.json {
        print(&serde_json::to_string(&table)?)?;
    }
    Ok(success_if(table.figures.iter().all(bench::Figure::is_met)))
}

fn serve_floor(args: &FloorArgs) -> anyhow::Result<ExitCode> {
    pin(args.core)?;
    match args.floor {
        Floor::Write => floor::write::run(io::stdin().lock())?,
        Floor::Echo => runtime()?.block_on(floor::echo::run(serve::end_of_input()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn pin(core: Option<usize>) -> anyhow::Result<()> {
    match core {
        Some(core) => {
            machine::pin_to_core(core).with_context(|| format!("cannot pin to core {core}"))
        }
        None => Ok(()),
    }
}

/// Returns a runtime of one thread: every command measures, or is measured, on one core.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("cannot start the runtime")
}

fn success_if(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{}", text.trim_end()).context("cannot write the result")
}
