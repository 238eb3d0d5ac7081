//! One run of the load generator.

mod report;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use report::LoadReport;
pub(crate) use report::{FanOut, ServerCost};

use crate::child::ServerChild;
use crate::clock::Moment;
use crate::fleet::{Fleet, FleetPlan};
use crate::machine;
use crate::process::Usage;

/// The server under load.
#[derive(Clone, Debug)]
pub enum Target {
    /// A running server, at the address of the plan.
    Running {
        /// Process id, to report CPU time and memory.
        pid: Option<u32>,
    },
    /// A server process started for the run.
    Started {
        /// Path of `stratum-load`.
        program: PathBuf,
        /// Share difficulty.
        difficulty: String,
        /// Interval between publications.
        publish_every: Duration,
    },
}

/// Configuration of a run.
#[derive(Clone, Debug)]
pub struct Load {
    /// The sessions. The address is ignored if a server is started.
    pub plan: FleetPlan,
    /// The server.
    pub target: Target,
    /// Duration of the load, from the first connection on.
    pub duration: Duration,
}

/// Loads the server and returns the measurements. Blocks for the duration of the run.
///
/// # Errors
/// Returns an error if the limit of open files is too low, the server cannot be started or its
/// CPU time and memory cannot be read, and other errors of the system.
pub fn run(load: Load) -> anyhow::Result<LoadReport> {
    machine::allow_sessions(load.plan.sessions)?;
    let mut plan = load.plan;
    let (mut child, pid, publish_every) = match load.target {
        Target::Running { pid } => (None, pid, Duration::MAX),
        Target::Started {
            program,
            difficulty,
            publish_every,
        } => {
            let child = ServerChild::start(&program, ["serve", "--difficulty", &difficulty])?;
            plan.address = child.address();
            let pid = child.pid();
            (Some(child), Some(pid), publish_every)
        }
    };
    let usage = || {
        let text = |pid| format!("cannot read CPU time and memory of process {pid}");
        let of = |pid| Usage::of(pid).with_context(|| text(pid));
        pid.map(of).transpose()
    };
    let before = usage()?;
    let (fleet, lasted) = drive(plan, load.duration, child.as_mut(), publish_every)
        .context("the load generator failed")?;
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
    plan: FleetPlan,
    duration: Duration,
    mut child: Option<&mut ServerChild>,
    publish_every: Duration,
) -> io::Result<(Fleet, Duration)> {
    let start = Moment::now();
    let end = start.after(duration);
    let mut fleet = Fleet::new(plan, start)?;
    let mut next_publication = start;
    loop {
        next_publication = next_publication.after(publish_every);
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
