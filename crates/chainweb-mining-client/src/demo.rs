//! The `demo` command: a simulated network and the real client on it, in one program.
//!
//! The client uses HTTP on loopback, as with a real node. The first difficulty follows from the
//! measured hash rate of this machine, so blocks come from the first second. Foreign miners find a
//! quarter of all blocks, so work becomes stale. Of several nodes the one that serves goes away
//! for a while.

mod failover;
mod report;

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Context;
use chainweb::{ChainGraph, Difficulty};
use clap::{Args, value_parser};
use miner::Preemption;
use miner::job::Proof;
use miner::run::{self, CONFIRMATIONS, Engine};
use miner::telemetry::snapshot::{Payee, Program};
use miner::timing::Timing;
use miner::units::HashRate;
use node::{Endpoint, Limits, Miner};
use simnet::Simnet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::failover::Failover;
pub(crate) use self::report::DemoReport;
use crate::api::{self, Known};
use crate::flags::cpu::{CpuArgs, Hashing};
use crate::flags::{ApiArgs, HistoryArgs, thread_count};
use crate::live::Setup;
use crate::measure::{cpu_rate, on_thread};
use crate::quantity::positive_duration;

/// The time for measuring the hash rate of this machine.
const MEASURED: Duration = Duration::from_millis(300);

/// The least number of hashes for a block at the start, so that a wrong measurement makes no flood.
const LEAST_DIFFICULTY: f64 = 10_000.0;

/// The flags of the demonstration.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop after this time, such as `20s` [default: run until interrupted].
    #[arg(long = "for", value_name = "TIME", value_parser = positive_duration)]
    pub duration: Option<Duration>,
    /// Print the result as one JSON object on the last line of standard output.
    #[arg(long)]
    pub json: bool,
    /// Number of hashing threads [default: one per available processor].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count)]
    pub thread_count: Option<NonZeroUsize>,
    /// Graph of the chains: singleton, pair, triangle, petersen, twenty or d4k4.
    #[arg(long, default_value = "twenty")]
    pub graph: ChainGraph,
    /// Number of nodes, 1 to 5; of several, the one that serves goes away and comes back.
    #[arg(
        long,
        value_name = "COUNT",
        default_value = "1",
        value_parser = value_parser!(u8).range(1..=5)
    )]
    pub nodes: u8,
    /// Target time between two blocks of a chain.
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = positive_duration)]
    pub block_delay: Duration,
    /// Seed of all random choices of the network (hashing stays random).
    #[arg(long, default_value = "0")]
    pub seed: u64,
    /// The flags of the CPU worker.
    #[command(flatten)]
    pub cpu: CpuArgs,
    /// The flags of the history.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// The flags of the API.
    #[command(flatten)]
    pub api: ApiArgs,
}

/// Runs the demonstration until `stop` is cancelled or its time is over, shown by `live`, and
/// returns its result.
pub(crate) async fn run(
    args: &DemoArgs,
    stop: CancellationToken,
    live: Option<&Setup>,
) -> anyhow::Result<DemoReport> {
    let hashing = args.cpu.hashing(args.thread_count)?;
    let (threads, kernel) = (hashing.threads, hashing.searcher.kernel());
    let own_rate = measure(&hashing).await?;
    let foreign_rate = own_rate.0 / 3.0;
    let chains = args.graph.len();
    let difficulty = (own_rate.0 + foreign_rate) * args.block_delay.as_secs_f64() / chains as f64;
    info!(
        event = "demo_started",
        chains,
        block_delay_seconds = args.block_delay.as_secs_f64(),
        own_hash_rate = own_rate.0,
        foreign_hash_rate = foreign_rate,
        "starting a simulated network"
    );
    let config = network(args, difficulty, foreign_rate);
    let simnet = Simnet::start(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .context("the simulated network cannot start")?;
    let tips_before = simnet.tips();
    let history = args.history.open(Proof::None, None).await?;
    let reader = history.reader();
    let mut failover = (args.nodes > 1).then(|| Failover::new(args.duration));
    let timing = failover
        .as_ref()
        .map_or_else(Timing::default, Failover::timing);
    let config = run::Config {
        program: Program {
            version: env!("CARGO_PKG_VERSION"),
            payee: Payee::Simulated,
        },
        nodes: nodes(&simnet)?,
        submit_only: 0,
        work_slots: 2,
        worker: hashing.worker(&timing),
        preemption: Preemption::default(),
        confirmations: CONFIRMATIONS,
        timing,
        history: Some(history),
    };
    let api = args.api.bind("cpu", &[]).await?;
    log_page(api.as_ref());
    let until = stop.child_token();
    let time_over = async {
        match args.duration {
            Some(duration) => sleep(duration).await,
            None => pending().await,
        }
    };
    let pause = config.worker.pause();
    let engine = Engine::new(config)?;
    let known = Known {
        snapshots: engine.snapshots(),
        history: Some(reader),
    };
    let snapshots = known.snapshots.clone();
    let live = live.and_then(|live| live.start(known.snapshots.clone(), pause));
    let engine = engine.run(until.clone());
    let mut client = Box::pin(api::beside(api, known, until.clone(), engine));
    let failing = async {
        match &mut failover {
            Some(failover) => failover.run(&simnet, snapshots).await,
            None => pending().await,
        }
    };
    let snapshot = tokio::select! {
        snapshot = &mut client => snapshot,
        () = time_over => {
            until.cancel();
            client.await
        }
        never = failing => match never {},
    }?;
    drop(live);
    let nodes = failover.map(|failover| failover.report(&snapshot));
    let report = DemoReport::new(threads, kernel, &snapshot, &tips_before, &simnet, nodes);
    simnet.shutdown().await;
    Ok(report)
}

/// Measures how fast this machine hashes.
async fn measure(hashing: &Hashing) -> anyhow::Result<HashRate> {
    let (threads, searcher) = (hashing.threads, hashing.searcher);
    let placement = hashing.placement.clone();
    let measured = on_thread("measure", move || {
        cpu_rate(threads, &searcher, &placement, MEASURED)
    });
    measured.await?.context("cannot start the hashing threads")
}

/// Returns the configuration of the client's nodes.
fn nodes(simnet: &Simnet) -> anyhow::Result<Vec<node::Config>> {
    let nodes = simnet.nodes().iter().map(|node| {
        Ok(node::Config {
            endpoint: Endpoint::parse(&node.address().to_string(), false)?,
            miner: Miner::new(None, Some("demo")),
            trust: node::Trust::default(),
            limits: Limits::default(),
        })
    });
    nodes.collect()
}

/// Returns the configuration of the simulated network.
fn network(args: &DemoArgs, difficulty: f64, foreign_hash_rate: f64) -> simnet::Config {
    simnet::Config {
        graph: args.graph.clone(),
        nodes: args.nodes.into(),
        block_delay: args.block_delay,
        start_difficulty: Difficulty::from_f64(difficulty.max(LEAST_DIFFICULTY)),
        foreign_hash_rate,
        seed: args.seed,
        ..simnet::Config::default()
    }
}

fn log_page(api: Option<&api::Server>) {
    if let Some(url) = api.and_then(api::Server::url) {
        info!(
            event = "demo_page",
            url, "the page with all figures, for a browser"
        );
    }
}
