//! One run of the load generator.

mod flags;
mod report;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
pub use flags::RunArgs;
use report::LoadReport;
pub(crate) use report::{FanOut, ServerCost};

use crate::child::ServerChild;
use crate::clock::Moment;
use crate::fleet::Fleet;
use crate::machine;
use crate::process::Usage;

/// Loads the server and returns the measurements. Blocks for the duration of the run. `program` is
/// the path of this program, to start a server.
///
/// # Errors
/// Returns an error if the limit of open files is too low, the server cannot be started or its
/// CPU time and memory cannot be read, and other errors of the system.
pub fn run(args: &RunArgs, program: &Path) -> anyhow::Result<LoadReport> {
    machine::allow_sessions(args.miners)?;
    let (address, mut child) = match args.address {
        Some(address) => (address, None),
        None => {
            let child = ServerChild::start(program, ["serve", "--difficulty", &args.difficulty])?;
            (child.address(), Some(child))
        }
    };
    let pid = child.as_ref().map(ServerChild::pid).or(args.pid);
    let usage = || {
        let text = |pid| format!("cannot read CPU time and memory of process {pid}");
        let of = |pid| Usage::of(pid).with_context(|| text(pid));
        pid.map(of).transpose()
    };
    let before = usage()?;
    let (fleet, lasted) =
        drive(args, address, child.as_mut()).context("the load generator failed")?;
    let cost = before
        .zip(usage()?)
        .map(|(before, after)| ServerCost::new(before, after, fleet.tally().ready));
    Ok(LoadReport {
        seconds: lasted.as_secs_f64(),
        tally: fleet.tally().clone(),
        fan_out: FanOut::of(&fleet),
        server: cost,
    })
}

fn drive(
    args: &RunArgs,
    address: SocketAddr,
    mut child: Option<&mut ServerChild>,
) -> io::Result<(Fleet, Duration)> {
    let start = Moment::now();
    let end = start.after(args.duration);
    let mut fleet = Fleet::new(args.plan(address), start)?;
    let mut next_publication = start;
    loop {
        next_publication = next_publication.after(args.publish_every);
        fleet.drive(next_publication.min(end), child.as_deref_mut(), |_| false)?;
        let now = Moment::now();
        if now >= end {
            return Ok((fleet, now.since(start)));
        }
        if let Some(child) = &mut child {
            child.publish()?;
        }
    }
}
