//! One run of the load generator: a server, a fleet, a time, a report.

mod report;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use report::{FanOut, LoadReport, NoLogin, ServerCost};

use crate::child::ServerChild;
use crate::clock::Moment;
use crate::fleet::{Fleet, FleetPlan, Publisher};
use crate::machine::{self, TooFewFiles};
use crate::process::Usage;

/// The server that is loaded.
#[derive(Clone, Debug)]
pub enum Target {
    /// Any, by the address in the plan; with its process id its costs are told.
    Running {
        /// Its process, if it is on this machine.
        pid: Option<u32>,
    },
    /// One that is started for the run, with new work at an interval.
    Started {
        /// The program of this crate.
        program: PathBuf,
        /// What the program is started with.
        arguments: Vec<String>,
        /// The time between publications.
        publish_every: Duration,
    },
}

/// A run.
#[derive(Clone, Debug)]
pub struct Load {
    /// What the sessions do. The address is not used where a server is started.
    pub plan: FleetPlan,
    /// The server.
    pub target: Target,
    /// How long it is loaded, from the first connection on.
    pub duration: Duration,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The sessions cannot be held.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// The server's process cannot be looked at.
    #[error("process {pid} cannot be looked at")]
    Process {
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("the load cannot be driven")]
    Io(#[from] io::Error),
}

/// Loads the server and tells what was measured. Blocks for as long as the run lasts.
pub fn run(load: Load) -> Result<LoadReport, LoadError> {
    machine::allow_sessions(load.plan.sessions)?;
    let mut plan = load.plan;
    match load.target {
        Target::Running { pid: None } => {
            let (fleet, lasted) = drive(plan, load.duration, None)?;
            Ok(LoadReport::new(&fleet, lasted, None))
        }
        Target::Running { pid: Some(pid) } => {
            let usage = || Usage::of(pid).map_err(|source| LoadError::Process { pid, source });
            let before = usage()?;
            let (fleet, lasted) = drive(plan, load.duration, None)?;
            let cost = ServerCost::new(before, usage()?, fleet.tally().ready);
            Ok(LoadReport::new(&fleet, lasted, Some(cost)))
        }
        Target::Started {
            program,
            arguments,
            publish_every,
        } => {
            let mut child = ServerChild::start(&program, arguments)?;
            plan.address = child.address();
            let before = child.usage()?;
            let publisher = Some((&mut child, publish_every));
            let (fleet, lasted) = drive(plan, load.duration, publisher)?;
            let cost = ServerCost::new(before, child.usage()?, fleet.tally().ready);
            Ok(LoadReport::new(&fleet, lasted, Some(cost)))
        }
    }
}

fn drive(
    plan: FleetPlan,
    duration: Duration,
    mut publisher: Option<(&mut ServerChild, Duration)>,
) -> io::Result<(Fleet, Duration)> {
    let start = Moment::now();
    let end = start.after(duration);
    let mut fleet = Fleet::new(plan, start)?;
    let mut next_publication = start;
    loop {
        let until = match &publisher {
            Some((_, every)) => {
                next_publication = next_publication.after(*every);
                next_publication.min(end)
            }
            None => end,
        };
        let to_hear = publisher
            .as_mut()
            .map(|(child, _)| &mut **child as &mut dyn Publisher);
        fleet.drive(until, to_hear, |_| false)?;
        let now = Moment::now();
        if now >= end {
            return Ok((fleet, now.since(start)));
        }
        if let Some((child, _)) = &mut publisher {
            child.publish()?;
        }
    }
}
