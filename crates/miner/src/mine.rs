//! Mining on a node: from flags to a run. The flags are named as those of the Haskell client.

pub(crate) mod cpu;
mod external;
mod stratum;

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use node::{Endpoint, Limits, Miner};
use tracing::warn;

use self::cpu::CpuArgs;
pub use self::external::ExternalArgs;
pub use self::stratum::StratumArgs;
use crate::run;
use crate::timing::Timing;
use crate::units::positive_duration;
use crate::usage::UsageError;

/// The ways to have work solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerKind {
    /// Hash on this machine's processors.
    Cpu,
    /// Serve mining devices that speak Stratum.
    Stratum,
    /// Run a command that solves the work.
    External,
}

/// How to mine.
#[derive(Debug, Args)]
pub struct MineArgs {
    /// The node: `host[:port]`, `[::1]:1848` or `http(s)://host[:port]`.
    #[arg(short, long, value_name = "ADDRESS", default_value = "localhost:1848")]
    pub node: Vec<String>,
    /// Speak TLS with the node.
    #[arg(short, long)]
    pub tls: bool,
    /// Accept any TLS certificate of the node.
    #[arg(short = 'x', long)]
    pub insecure: bool,
    /// The public key that is mined for, in hex, exactly as the node knows it.
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// The account that is mined for [default: `k:` and the public key].
    #[arg(short, long)]
    pub account: Option<String>,
    /// What solves the work.
    #[arg(short, long, value_enum, default_value = "cpu", ignore_case = true)]
    pub worker: WorkerKind,
    /// With the worker `cpu`: hashing threads [default: one for each processor that this program may use]; with
    /// `stratum`: the same as --work-slots; with `external`: processes [default: 2].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count)]
    pub thread_count: Option<NonZeroUsize>,
    /// How to hash.
    #[command(flatten)]
    pub cpu: CpuArgs,
    /// How to serve devices.
    #[command(flatten)]
    pub stratum: StratumArgs,
    /// What to run.
    #[command(flatten)]
    pub external: ExternalArgs,
    /// How many works, each for a chain of its own, are held ready [default: 2; with the worker
    /// `external` one for each process].
    #[arg(long, value_name = "COUNT", value_parser = work_slots)]
    pub work_slots: Option<NonZeroUsize>,
    /// The time limit of a request, such as `10s` or `1500ms`.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    pub timeout: Duration,
}

/// More threads than any machine has, few enough that all of them can be started.
const MOST_THREADS: usize = 1024;

/// A number of threads.
pub(crate) fn thread_count(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_THREADS)
}

/// A network has at most 98 chains, and a job is held for each at most.
const MOST_SLOTS: NonZeroUsize = NonZeroUsize::new(98).expect("not zero");

/// How many works are held if nothing else is said.
const SLOTS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

fn work_slots(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_SLOTS.get())
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
    let node = node(args)?;
    let work_slots = slots(args)?;
    let timing = Timing::default();
    let worker = match args.worker {
        WorkerKind::Cpu => args.cpu.hashing(args.thread_count)?.worker(timing),
        WorkerKind::Stratum => args.stratum.worker(&timing).await?,
        WorkerKind::External => args.external.worker(args.thread_count)?,
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
        (WorkerKind::Stratum, Some(count)) if count > MOST_SLOTS => {
            Err(UsageError::TooManySlots(count, MOST_SLOTS.get()))
        }
        (WorkerKind::Stratum, Some(count)) => match slots.filter(|slots| *slots != count) {
            Some(slots) => Err(UsageError::SlotsDiffer(count, slots)),
            None => Ok(count),
        },
        // So that each process has a work of its own.
        (WorkerKind::External, Some(count)) => Ok(slots.unwrap_or(count.clamp(SLOTS, MOST_SLOTS))),
        _ => Ok(slots.unwrap_or(SLOTS)),
    }
}

/// The node that the flags name.
fn node(args: &MineArgs) -> Result<node::Config, UsageError> {
    let [address] = args.node.as_slice() else {
        return Err(UsageError::SeveralNodes(args.node.len()));
    };
    let endpoint = Endpoint::parse(address, args.tls).map_err(|source| UsageError::Node {
        text: address.clone(),
        source,
    })?;
    if args.tls && !endpoint.is_tls() {
        return Err(UsageError::PlainWithTls(address.clone()));
    }
    if args.insecure && !endpoint.is_tls() {
        warn!("--insecure has no effect: without TLS there is no certificate");
    }
    let node = node::Config {
        endpoint,
        miner: Miner::new(args.public_key.as_deref(), args.account.as_deref()),
        insecure: args.insecure,
        limits: Limits {
            info: args.timeout,
            work: args.timeout,
            solved: args.timeout,
            cut: args.timeout,
            ..Limits::default()
        },
    };
    if let Some(key) = args.public_key.as_deref()
        && !key.is_empty()
        && !(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        warn!(
            key,
            "the public key does not look like one: 64 hex digits are usual"
        );
    }
    Ok(node)
}
