//! Mining on a node: from flags to a run. The flags are named as those of the Haskell client.

mod asic;
mod constant_delay;
pub(crate) mod cpu;
mod external;
mod nodes;
mod on_demand;
mod preemption;
mod simulation;

mod timeouts;

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub use self::asic::StratumArgs;
pub use self::constant_delay::ConstantDelayArgs;
use self::cpu::CpuArgs;
pub use self::external::ExternalArgs;
pub use self::nodes::NodeArgs;
pub use self::on_demand::OnDemandArgs;
pub use self::preemption::PreemptionArgs;
pub use self::simulation::SimulationArgs;
pub use self::timeouts::TimeoutArgs;
use crate::mine::Mining;
use crate::usage::UsageError;
use miner::run;
use miner::timing::Timing;

/// The ways to have work solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerKind {
    /// Hash on this machine's processors.
    Cpu,
    /// Serve mining devices that speak Stratum.
    Stratum,
    /// Hash nothing: blocks come as at a given hash rate, on a network without proof of work.
    Simulation,
    /// Hash nothing: blocks come on a beat, on a network without proof of work.
    ConstantDelay,
    /// Make a block when somebody asks for one over HTTP; the node must not check proof of work.
    OnDemand,
    /// Run a command that solves the work.
    External,
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
        default_value = "stratum",
        ignore_case = true,
        help_heading = "Mining"
    )]
    pub worker: WorkerKind,
    /// With the worker `cpu`: hashing threads [default: one for each processor that this program may use]; with
    /// `stratum` and `on-demand`: the same as --work-slots; with `external`: processes; with `simulation`: works that the
    /// hash rate is divided among; with `constant-delay`: blocks at each beat; each of these three 2 by default.
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count, help_heading = "Mining")]
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
    /// What to simulate.
    #[command(flatten)]
    pub simulation: SimulationArgs,
    /// How blocks come on a beat.
    #[command(flatten)]
    pub constant_delay: ConstantDelayArgs,
    /// How blocks are asked for.
    #[command(flatten)]
    pub on_demand: OnDemandArgs,
    /// How many works, each for a chain of its own, are held ready [default: 2; with `external`, `simulation` and
    /// `constant-delay` the number of --thread-count, but not less than 2 and not more than 98].
    #[arg(long, value_name = "COUNT", value_parser = work_slots, help_heading = "Mining")]
    pub work_slots: Option<NonZeroUsize>,
    /// When a job makes way for a newer one.
    #[command(flatten)]
    pub preemption: PreemptionArgs,
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

/// How many processes the external worker has if nothing else is said, or a development worker of what it has instead;
/// as in the Haskell client.
const PROCESSES: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

/// Why the number of works to hold is unclear.
#[derive(Debug, thiserror::Error)]
enum SlotsError {
    #[error(
        "--thread-count {0}: with --worker stratum or on-demand it is the number of works held, \
         from 1 to {1}"
    )]
    TooMany(NonZeroUsize, NonZeroUsize),
    #[error(
        "--thread-count {0} contradicts --work-slots {1}: with --worker stratum or on-demand both \
         are the number of works held; leave one of them out"
    )]
    Differ(NonZeroUsize, NonZeroUsize),
}

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
pub async fn config(args: &MineArgs) -> anyhow::Result<Mining> {
    let node = args.node.config()?;
    let work_slots = slots(args).map_err(UsageError::new)?;
    let timing = Timing::default();
    let preemption = args.preemption.policy(batch(args, &timing));
    let mut server = None;
    let worker = match args.worker {
        WorkerKind::Cpu => args.cpu.hashing(args.thread_count)?.worker(timing),
        WorkerKind::Stratum => args.stratum.worker(&timing).await?,
        WorkerKind::Simulation => args.simulation.worker(processes(args)),
        WorkerKind::ConstantDelay => args.constant_delay.worker(processes(args)),
        WorkerKind::OnDemand => {
            let (worker, bound) = args.on_demand.worker(timing).await?;
            server = Some(bound);
            worker
        }
        WorkerKind::External => args.external.worker(processes(args))?,
    };
    let engine = run::Config {
        nodes: vec![node],
        work_slots: work_slots.get(),
        worker,
        preemption,
        timing,
    };
    Ok(Mining { engine, server })
}

/// How often the worker begins a header anew by itself, or would if it hashed.
fn batch(args: &MineArgs, timing: &Timing) -> Duration {
    match args.worker {
        WorkerKind::Stratum => args.stratum.time_between_jobs(timing),
        WorkerKind::External => args.external.time_between_headers(timing),
        WorkerKind::Cpu
        | WorkerKind::Simulation
        | WorkerKind::ConstantDelay
        | WorkerKind::OnDemand => timing.restamp,
    }
}

/// How many works are held: for devices and on demand the Haskell client says it with `--thread-count`.
fn slots(args: &MineArgs) -> Result<NonZeroUsize, SlotsError> {
    let slots = args.work_slots;
    match (args.worker, args.thread_count) {
        (WorkerKind::Stratum | WorkerKind::OnDemand, Some(count)) if count > MOST_SLOTS => {
            Err(SlotsError::TooMany(count, MOST_SLOTS))
        }
        (WorkerKind::Stratum | WorkerKind::OnDemand, Some(count)) => {
            match slots.filter(|slots| *slots != count) {
                Some(slots) => Err(SlotsError::Differ(count, slots)),
                None => Ok(count),
            }
        }
        // So that each of them has a work of its own.
        (WorkerKind::External | WorkerKind::Simulation | WorkerKind::ConstantDelay, _) => {
            Ok(slots.unwrap_or_else(|| processes(args).clamp(SLOTS, MOST_SLOTS)))
        }
        _ => Ok(slots.unwrap_or(SLOTS)),
    }
}

/// The processes of the external worker, or what a development worker has instead.
fn processes(args: &MineArgs) -> NonZeroUsize {
    args.thread_count.unwrap_or(PROCESSES)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::config;
    use crate::cli::Cli;

    /// The works that are held and the worker, with these flags.
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
                "Simulation { config: Config { rate: HashRate(1000000.0), threads: 2, seed: 7 } }",
            ),
            (
                &[
                    "--worker=simulation",
                    "--hash-rate=1000000.0",
                    "--seed=7",
                    "-c1",
                ],
                2,
                "Simulation { config: Config { rate: HashRate(1000000.0), threads: 1, seed: 7 } }",
            ),
            (
                &["-w", "simulation", "-r", "1.5Ki", "--seed", "7", "-c", "5"],
                5,
                "Simulation { config: Config { rate: HashRate(1536.0), threads: 5, seed: 7 } }",
            ),
            (
                &["-w", "simulation", "--seed", "7", "-c", "1000"],
                98,
                "Simulation { config: Config { rate: HashRate(1000000.0), threads: 1000, seed: 7 } }",
            ),
            (
                &["-w", "constant-delay"],
                2,
                "ConstantDelay { config: Config { block_time: 30s, blocks: 2 } }",
            ),
            (
                &[
                    "-w",
                    "constant-delay",
                    "--constant-delay-block-time=2.5",
                    "--thread-count=4",
                ],
                4,
                "ConstantDelay { config: Config { block_time: 2.5s, blocks: 4 } }",
            ),
            (
                &["-w", "constant-delay", "--thread-count=4", "--work-slots=3"],
                3,
                "ConstantDelay { config: Config { block_time: 30s, blocks: 4 } }",
            ),
        ] {
            let (held, made) = run(flags).await;
            let inner = made.split_once('(').map(|(_, inner)| inner);
            assert_eq!(held, slots, "{flags:?}");
            assert_eq!(inner, Some(format!("{worker})").as_str()), "{flags:?}");
        }
    }

    #[tokio::test]
    async fn two_simulations_differ_unless_told_otherwise() {
        let simulation = ["-w", "simulation"];
        assert_ne!(run(&simulation).await, run(&simulation).await);
    }
}
