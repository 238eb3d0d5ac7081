//! The client as a whole: from a block at a node to the jobs of all devices, and from a share to a
//! block.
//!
//! A simulated network and the devices run in this process, so one clock measures all times; the
//! client is a child process. A share of level 0 needs no hashing, and each one is a block.
//!
//! `cargo bench --bench whole`; options follow `--`, and `--help` lists them. Without `--bench`, as
//! in `cargo test`, and with `--test`, a short run is a test that the figures are complete.
#![expect(
    clippy::disallowed_methods,
    reason = "no runtime is blocked: the measuring thread is the only one that sleeps"
)]

mod bare;
mod client;
mod devices;
mod figures;
mod lines;
mod network;
mod options;
mod run;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Parser;
use libtest_mimic::{Arguments, Trial};
use listen::{Descriptors, raise_descriptor_limit};

use crate::options::{Options, Setting};
use crate::run::Row;

/// Blocks, and shares, of the short run.
const SAMPLES: usize = 3;

/// Open files other than those of the devices.
const OTHER_FILES: u64 = 1024;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().collect();
    if let [_, marker, connections, bytes] = &arguments[..]
        && marker == bare::SERVE
    {
        bare::serve(connections.parse()?, bytes.parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = arguments.len();
    arguments.retain(|argument| argument != "--bench");
    if arguments.len() == all || arguments.iter().any(|argument| argument == "--test") {
        let test = Trial::test("a_short_run_measures_every_stage", || Ok(short_run()?));
        return Ok(libtest_mimic::run(&Arguments::from_args(), vec![test]).exit_code());
    }
    let options = Options::parse_from(arguments);
    let mut rows = Vec::new();
    for setting in options.settings() {
        let row = measure(setting)?;
        if !options.json {
            io::stdout().write_all(table::of(&row).as_bytes())?;
        }
        rows.push(row);
    }
    if options.json {
        writeln!(io::stdout(), "{}", serde_json::json!({ "rows": rows }))?;
    }
    let is_flawless = rows.iter().all(|row| row.failures.is_empty());
    Ok(if is_flawless {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure(setting: Setting) -> anyhow::Result<Row> {
    let files = setting.devices as u64 + OTHER_FILES;
    if let Descriptors::Short { limit } = raise_descriptor_limit(files) {
        bail!("{files} open files are needed, but the hard limit is {limit} (ulimit -Hn)");
    }
    run::run(setting)
}

/// Measures few devices, and checks that each stage has a time for each block and share.
fn short_run() -> anyhow::Result<()> {
    let row = measure(Setting {
        devices: 5,
        chains: 20,
        nodes: 2,
        slots: 2,
        samples: SAMPLES,
        disk: false,
        pause_ms: 10,
    })?;
    ensure!(row.failures.is_empty(), "{:?}", row.failures);
    for figure in &row.figures {
        ensure!(figure.count == SAMPLES, "{figure:?}");
        let mut all = row.figures.iter();
        let whole = all.find(|whole| Some(whole.name) == figure.stage_of);
        let is_part = whole.is_none_or(|whole| figure.max_us <= whole.max_us);
        ensure!(is_part, "a stage is longer than its whole: {figure:?}");
    }
    let table = table::of(&row);
    for (name, _) in figures::NAMES {
        ensure!(table.contains(name), "{name} is not in the table:\n{table}");
    }
    Ok(())
}
