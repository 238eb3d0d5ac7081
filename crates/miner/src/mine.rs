//! Mining on a node: from flags to a run. The flags are named as those of the Haskell client.

pub(crate) mod cpu;
mod node;
mod stratum;

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

use self::cpu::CpuArgs;
pub use self::node::NodeArgs;
pub use self::stratum::StratumArgs;
use crate::run;
use crate::timing::Timing;
use crate::usage::UsageError;

/// The ways to have work solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerKind {
    /// Hash on this machine's processors.
    Cpu,
    /// Serve mining devices that speak Stratum.
    Stratum,
}

/// How to mine.
#[derive(Debug, Args)]
pub struct MineArgs {
    /// On which node, and for whom.
    #[command(flatten)]
    pub node: NodeArgs,
    /// What solves the work.
    #[arg(
        short,
        long,
        value_enum,
        default_value = "cpu",
        ignore_case = true,
        help_heading = "Mining"
    )]
    pub worker: WorkerKind,
    /// With the worker `cpu`: hashing threads [default: one for each processor that this program may use]; with
    /// `stratum`: the same as --work-slots.
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count, help_heading = "Mining")]
    pub thread_count: Option<NonZeroUsize>,
    /// How to hash.
    #[command(flatten)]
    pub cpu: CpuArgs,
    /// How to serve devices.
    #[command(flatten)]
    pub stratum: StratumArgs,
    /// How many works, each for a chain of its own, are held ready [default: 2].
    #[arg(long, value_name = "COUNT", value_parser = work_slots, help_heading = "Mining")]
    pub work_slots: Option<NonZeroUsize>,
}

/// More threads than any machine has, few enough that all of them can be started.
const MOST_THREADS: usize = 1024;

/// A number of threads.
pub(crate) fn thread_count(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_THREADS)
}

/// A network has at most 98 chains, and a job is held for each at most.
const MOST_SLOTS: usize = 98;

/// How many works are held if nothing else is said.
const SLOTS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

fn work_slots(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_SLOTS)
}

pub(crate) fn count(text: &str, most: usize) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(count) if count.get() <= most => Ok(count),
        _ => Err(format!("expected a number from 1 to {most}")),
    }
}

/// The run that the flags ask for. Takes the port that devices connect to, so that a port in use is told before
/// anything begins.
pub async fn config(args: &MineArgs) -> anyhow::Result<run::Config> {
    let node = args.node.config()?;
    let work_slots = slots(args)?;
    let timing = Timing::default();
    let worker = match args.worker {
        WorkerKind::Cpu => args.cpu.hashing(args.thread_count)?.worker(timing),
        WorkerKind::Stratum => args.stratum.worker(&timing).await?,
    };
    Ok(run::Config {
        nodes: vec![node],
        work_slots: work_slots.get(),
        worker,
        timing,
    })
}

/// How many works are held: for devices the Haskell client says it with `--thread-count`.
fn slots(args: &MineArgs) -> Result<NonZeroUsize, UsageError> {
    let slots = args.work_slots;
    match (args.worker, args.thread_count) {
        (WorkerKind::Stratum, Some(count)) if count.get() > MOST_SLOTS => {
            Err(UsageError::TooManySlots(count, MOST_SLOTS))
        }
        (WorkerKind::Stratum, Some(count)) => match slots.filter(|slots| *slots != count) {
            Some(slots) => Err(UsageError::SlotsDiffer(count, slots)),
            None => Ok(count),
        },
        _ => Ok(slots.unwrap_or(SLOTS)),
    }
}
