//! Mining on a node: from flags to a run. The flags are named as those of the Haskell client.

pub(crate) mod cpu;

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use node::{Endpoint, Limits, Miner};
use tracing::warn;

use self::cpu::CpuArgs;
use crate::run;
use crate::timing::Timing;
use crate::units::positive_duration;
use crate::usage::UsageError;

/// The ways to have work solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerKind {
    /// Hash on this machine's processors.
    Cpu,
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
    /// Hashing threads [default: one for each processor that this program may use].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count)]
    pub thread_count: Option<NonZeroUsize>,
    /// How to hash.
    #[command(flatten)]
    pub cpu: CpuArgs,
    /// How many works, each for a chain of its own, are held ready.
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = work_slots)]
    pub work_slots: NonZeroUsize,
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
fn work_slots(text: &str) -> Result<NonZeroUsize, String> {
    count(text, 98)
}

pub(crate) fn count(text: &str, most: usize) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(count) if count.get() <= most => Ok(count),
        _ => Err(format!("expected a number from 1 to {most}")),
    }
}

/// The run that the flags ask for.
pub fn config(args: &MineArgs) -> anyhow::Result<run::Config> {
    let [address] = args.node.as_slice() else {
        return Err(UsageError::SeveralNodes(args.node.len()).into());
    };
    let endpoint = Endpoint::parse(address, args.tls).map_err(|source| UsageError::Node {
        text: address.clone(),
        source,
    })?;
    if args.tls && !endpoint.is_tls() {
        return Err(UsageError::PlainWithTls(address.clone()).into());
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
    let timing = Timing::default();
    let worker = match args.worker {
        WorkerKind::Cpu => args.cpu.hashing(args.thread_count)?.worker(timing),
    };
    Ok(run::Config {
        nodes: vec![node],
        work_slots: args.work_slots.get(),
        worker,
        timing,
    })
}
