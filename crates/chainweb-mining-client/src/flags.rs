//! The flags of mining, and the configuration that they describe. Their names are those of the
//! Haskell client.

mod alerts;
mod api;
mod asic;
mod constant_delay;
pub(crate) mod cpu;
mod external;
mod history;
mod instance;
mod nodes;
mod on_demand;
mod preemption;
mod simulation;
mod timeouts;

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use miner::run;
use miner::telemetry::snapshot::{Payee, Program};
use miner::timing::Timing;

pub(crate) use self::alerts::{AlertFlags, AlertsArgs};
pub(crate) use self::api::{ApiArgs, ApiListen, LOOPBACK, PORTS};
pub(crate) use self::asic::StratumArgs;
pub(crate) use self::constant_delay::ConstantDelayArgs;
use self::cpu::CpuArgs;
pub(crate) use self::external::ExternalArgs;
pub(crate) use self::history::HistoryArgs;
#[cfg(test)]
pub(crate) use self::nodes::NodeAddress;
pub(crate) use self::nodes::{NodeArgs, second_names};
pub(crate) use self::on_demand::OnDemandArgs;
pub(crate) use self::preemption::PreemptionArgs;
pub(crate) use self::simulation::SimulationArgs;
use crate::mine::Mining;
use crate::quantity::count;
use crate::usage::UsageError;

/// What solves the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerKind {
    /// Hash on this machine's CPU.
    Cpu,
    /// Serve ASICs over Stratum.
    Stratum,
    /// Produce random blocks at --hash-rate without hashing (needs --disable-pow on the node).
    Simulation,
    /// Produce blocks at a constant rate without hashing (needs --disable-pow on the node).
    ConstantDelay,
    /// Produce blocks on request over HTTP (needs --disable-pow on the node).
    OnDemand,
    /// Run a command that solves the work, such as a GPU miner.
    External,
}

/// How to mine.
#[derive(Debug, Args)]
pub struct MineArgs {
    /// The node and the account.
    #[command(flatten)]
    pub node: NodeArgs,
    /// What solves the work.
    #[arg(
        short,
        long,
        value_enum,
        default_value = "stratum",
        ignore_case = true,
        help_heading = "Mining"
    )]
    pub worker: WorkerKind,
    /// Number of CPU threads or external processes [default: all processors for cpu, else 2].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count, help_heading = "Mining")]
    pub thread_count: Option<NonZeroUsize>,
    /// How to hash.
    #[command(flatten)]
    pub cpu: CpuArgs,
    /// The Stratum server.
    #[command(flatten)]
    pub stratum: StratumArgs,
    /// The external command.
    #[command(flatten)]
    pub external: ExternalArgs,
    /// The simulation.
    #[command(flatten)]
    pub simulation: SimulationArgs,
    /// The constant rate.
    #[command(flatten)]
    pub constant_delay: ConstantDelayArgs,
    /// Requests for blocks.
    #[command(flatten)]
    pub on_demand: OnDemandArgs,
    /// Chains to hold work for [default: 2; for workers other than cpu: --thread-count].
    #[arg(long, value_name = "COUNT", value_parser = work_slots, help_heading = "Mining")]
    pub work_slots: Option<NonZeroUsize>,
    /// Blocks on top of one of ours that make its place final, from 1 to 100.
    #[arg(long, value_name = "BLOCKS", default_value = "6", value_parser = confirmations, help_heading = "Mining")]
    pub confirmations: NonZeroUsize,
    /// When to replace a job.
    #[command(flatten)]
    pub preemption: PreemptionArgs,
    /// What to remember.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// Where to show it.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Where alerts go.
    #[command(flatten)]
    pub alerts: AlertFlags,
}

/// More threads than any machine has, and few enough to start them all.
const MOST_THREADS: usize = 1024;

/// Parses a number of threads.
pub(crate) fn thread_count(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_THREADS)
}

/// The number of chains of the largest network graph: at most one work is held per chain.
const MOST_SLOTS: NonZeroUsize = NonZeroUsize::new(98).expect("not zero");

/// The default number of works held.
const SLOTS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

/// The default number of processes of the external worker, or of threads or blocks of a development
/// worker, as in the Haskell client.
const PROCESSES: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

fn work_slots(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_SLOTS.get())
}

fn confirmations(text: &str) -> Result<NonZeroUsize, String> {
    count(text, 100)
}

/// Returns the configuration of a run. Binds the port of the worker, so that a port in use is an
/// error before mining starts.
///
/// # Errors
/// Returns a usage error, or the error of a resource that the worker cannot use.
pub(crate) async fn config(args: &MineArgs) -> anyhow::Result<Mining> {
    let (nodes, submit_only) = args.node.distinct().await?;
    let ports = nodes.iter().map(|node| node.endpoint.port());
    let of_worker = [args.stratum.port, args.on_demand.on_demand_port];
    let named: Vec<_> = of_worker.into_iter().chain(ports).collect();
    // All nodes have the same.
    let miner = &nodes[0].miner;
    let work_slots = slots(args).map_err(UsageError::new)?;
    let timing = Timing::default();
    let preemption = args.preemption.policy(batch(args, &timing));
    let (mut server, mut share_log) = (None, None);
    let worker = match args.worker {
        WorkerKind::Cpu => args.cpu.hashing(args.thread_count)?.worker(&timing),
        WorkerKind::Stratum => {
            let (worker, writing) = args.stratum.worker().await?;
            share_log = writing;
            worker
        }
        WorkerKind::Simulation => args.simulation.worker(processes(args)),
        WorkerKind::ConstantDelay => args.constant_delay.worker(processes(args)),
        WorkerKind::OnDemand => {
            let (worker, bound) = args.on_demand.worker(&timing).await?;
            server = Some(bound);
            worker
        }
        WorkerKind::External => args.external.worker(processes(args))?,
    };
    let payee = if miner.public_key().is_empty() {
        Payee::NoKey
    } else {
        Payee::Account(miner.account().to_owned())
    };
    let account = match &payee {
        Payee::Account(account) => Some(account.as_str()),
        Payee::NoKey | Payee::Simulated => None,
    };
    let history = args.history.open(worker.proof(), account).await?;
    let name = args.worker.to_possible_value().expect("no kind is hidden");
    let stratum_port = (args.worker == WorkerKind::Stratum).then_some(args.stratum.port);
    let api = args.api.bind(name.get_name(), &named).await?;
    let api = api.map(|api| api.with_stratum_port(stratum_port));
    let engine = run::Config {
        program: Program {
            version: env!("CARGO_PKG_VERSION"),
            payee,
        },
        nodes,
        submit_only,
        work_slots: work_slots.get(),
        worker,
        preemption,
        confirmations: args.confirmations.get() as u64,
        timing,
        history: Some(history),
    };
    Ok(Mining {
        engine,
        server,
        share_log,
        api,
        alerts: args.alerts.alerts()?,
    })
}

/// Checks the settings as a start would, without binding a port.
///
/// # Errors
/// Returns a usage error.
pub(crate) fn check(args: &MineArgs) -> anyhow::Result<()> {
    args.node.configs()?;
    slots(args).map_err(UsageError::new)?;
    args.stratum.tls()?;
    args.stratum.instance.resolve().map_err(UsageError::new)?;
    Ok(())
}

/// Returns how often the worker starts a new header without a reason, or would if it hashed.
fn batch(args: &MineArgs, timing: &Timing) -> Duration {
    match args.worker {
        WorkerKind::Stratum => args.stratum.time_between_jobs(),
        WorkerKind::External => args.external.time_between_headers(timing),
        WorkerKind::Cpu
        | WorkerKind::Simulation
        | WorkerKind::ConstantDelay
        | WorkerKind::OnDemand => timing.restamp,
    }
}

/// Returns the number of works held, which is `--thread-count` in the Haskell client if the worker
/// is `stratum` or `on-demand`.
fn slots(args: &MineArgs) -> Result<NonZeroUsize, String> {
    let slots = args.work_slots;
    match (args.worker, args.thread_count) {
        (WorkerKind::Stratum | WorkerKind::OnDemand, Some(count)) if count > MOST_SLOTS => {
            Err(format!(
                "--thread-count {count}: with --worker stratum or on-demand it is the number of \
                 works held, from 1 to {MOST_SLOTS}"
            ))
        }
        (WorkerKind::Stratum | WorkerKind::OnDemand, Some(count)) => {
            match slots.filter(|slots| *slots != count) {
                Some(slots) => Err(format!(
                    "--thread-count {count} contradicts --work-slots {slots}: with --worker \
                     stratum or on-demand both are the number of works held; leave one of them out"
                )),
                None => Ok(count),
            }
        }
        // Each process has its own work.
        (WorkerKind::External | WorkerKind::Simulation | WorkerKind::ConstantDelay, _) => {
            Ok(slots.unwrap_or_else(|| processes(args).clamp(SLOTS, MOST_SLOTS)))
        }
        _ => Ok(slots.unwrap_or(SLOTS)),
    }
}

/// Returns the number of processes of the external worker, or of threads or blocks of a development
/// worker.
fn processes(args: &MineArgs) -> NonZeroUsize {
    args.thread_count.unwrap_or(PROCESSES)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::config;
    use crate::cli::Cli;

    /// Returns the number of works held and the worker.
    async fn run(flags: &[&str]) -> (usize, String) {
        let program = ["chainweb-mining-client"];
        let cli = Cli::try_parse_from(program.iter().chain(flags)).expect("good flags");
        let config = config(&cli.mine)
            .await
            .expect("nothing is in the way")
            .engine;
        (config.work_slots, format!("{:?}", config.worker))
    }

    #[tokio::test]
    async fn the_flags_of_development_workers_reach_them() {
        for (flags, slots, worker) in [
            (
                &["-w", "Simulation", "--seed", "7"][..],
                2,
                "Simulation { rate: HashRate(1000000.0), threads: 2, seed: 7 }",
            ),
            (
                &[
                    "--worker=simulation",
                    "--hash-rate=1000000.0",
                    "--seed=7",
                    "-c1",
                ],
                2,
                "Simulation { rate: HashRate(1000000.0), threads: 1, seed: 7 }",
            ),
            (
                &["-w", "simulation", "-r", "1.5Ki", "--seed", "7", "-c", "5"],
                5,
                "Simulation { rate: HashRate(1536.0), threads: 5, seed: 7 }",
            ),
            (
                &["-w", "simulation", "--seed", "7", "-c", "1000"],
                98,
                "Simulation { rate: HashRate(1000000.0), threads: 1000, seed: 7 }",
            ),
            (
                &["-w", "constant-delay"],
                2,
                "ConstantDelay { block_time: 30s, blocks: 2 }",
            ),
            (
                &[
                    "-w",
                    "constant-delay",
                    "--constant-delay-block-time=2.5",
                    "--thread-count=4",
                ],
                4,
                "ConstantDelay { block_time: 2.5s, blocks: 4 }",
            ),
            (
                &["-w", "constant-delay", "--thread-count=4", "--work-slots=3"],
                3,
                "ConstantDelay { block_time: 30s, blocks: 4 }",
            ),
        ] {
            let (held, made) = run(flags).await;
            let inner = made.split_once('(').map(|(_, inner)| inner);
            assert_eq!(held, slots, "{flags:?}");
            assert_eq!(inner, Some(format!("{worker})").as_str()), "{flags:?}");
        }
    }

    #[tokio::test]
    async fn two_simulations_without_a_seed_differ() {
        let simulation = ["-w", "simulation"];
        assert_ne!(run(&simulation).await, run(&simulation).await);
    }
}
