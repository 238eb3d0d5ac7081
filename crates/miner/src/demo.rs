//! The `demo` command: a simulated network and the real client on it, in one program.
//!
//! The client speaks to the network over HTTP on loopback, as it would to a node. The network is made so that it is
//! lively from the first second on any machine: its first difficulty follows from the rate that this machine was
//! measured at, and foreign miners find a quarter of all blocks, so that work goes stale.

mod report;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use chainweb::{
    ChainGraph, ChainId, CreationTime, Difficulty, Genesis, Nonce, PayloadHash, Target,
};
use clap::Args;
use node::{Endpoint, Limits, Miner};
use pow::{Kernel, NonceRange, Prepared};
use simnet::Simnet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use self::report::DemoReport;

use crate::mine::{cpu_worker, processors, thread_count};
use crate::run;
use crate::timing::Timing;
use crate::units::{About, HashRate, Prefixed, positive_duration};

/// How long this machine's rate is measured.
const MEASURED: Duration = Duration::from_millis(300);

/// What the demonstration is like.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after this time, such as `20s`; without it, run until interrupted.
    #[arg(long = "for", value_name = "TIME", value_parser = positive_duration)]
    pub duration: Option<Duration>,
    /// Print the result as one JSON object, the last line on standard output.
    #[arg(long)]
    pub json: bool,
    /// Hashing threads [default: one for each processor that this program may use].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count)]
    pub thread_count: Option<NonZeroUsize>,
    /// The graph of the chains: singleton, pair, triangle, petersen, twenty or d4k4.
    #[arg(long, default_value = "twenty")]
    pub graph: ChainGraph,
    /// The time between two blocks of a chain that the difficulty is adjusted to.
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = positive_duration)]
    pub block_delay: Duration,
    /// Fixes every random choice of the network; hashing is random all the same.
    #[arg(long, default_value = "0")]
    pub seed: u64,
}

/// Runs the demonstration until `stop` is cancelled or its time is over.
pub async fn run(args: &DemoArgs, stop: CancellationToken) -> anyhow::Result<DemoReport> {
    let threads = args.thread_count.unwrap_or_else(processors);
    let kernel = Kernel::best();
    let own_rate = measure(threads, kernel).context("cannot start the hashing threads")?;
    let foreign_rate = own_rate.0 / 3.0;
    let chains = args.graph.len();
    let difficulty = (own_rate.0 + foreign_rate) * args.block_delay.as_secs_f64() / chains as f64;
    info!(
        chains, own_rate = %own_rate, foreign_rate = %HashRate(foreign_rate),
        block_delay = %About(args.block_delay), hashes_per_block = Prefixed(difficulty).to_string().trim_end(),
        "starting a simulated network"
    );
    let config = simnet::Config {
        graph: args.graph.clone(),
        block_delay: args.block_delay,
        start_difficulty: Difficulty::from_f64(difficulty),
        foreign_hash_rate: foreign_rate,
        seed: args.seed,
        ..simnet::Config::default()
    };
    let simnet = Simnet::start(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .context("the simulated network cannot start")?;
    let tips_before = simnet.tips();
    let timing = Timing::default();
    let node = node::Config {
        endpoint: Endpoint::parse(&simnet.address().to_string(), false)?,
        miner: Miner::new(None, Some("demo")),
        insecure: false,
        limits: Limits::default(),
    };
    let config = run::Config {
        nodes: vec![node],
        work_slots: 2,
        worker: cpu_worker(Some(threads), timing),
        timing,
    };
    let until = stop.child_token();
    let ends = until.clone();
    let timer = async {
        if let Some(duration) = args.duration {
            sleep(duration).await;
            ends.cancel();
        }
    };
    let (summary, ()) = tokio::join!(run::run(config, until), timer);
    let summary = summary?;
    let report = DemoReport::new(threads, kernel, &summary, &tips_before, &simnet);
    simnet.shutdown().await;
    Ok(report)
}

/// The rate of this number of threads together, over one stretch of time that is the same for all.
fn measure(threads: NonZeroUsize, kernel: Kernel) -> io::Result<HashRate> {
    const BATCH: u64 = 8192;
    let genesis = Genesis {
        version_code: 2,
        graph: ChainGraph::twenty(),
        time: CreationTime::from_micros(0),
        target: Target::MAX,
    };
    let header = genesis.header(ChainId::new(0), PayloadHash::new([0; 32]));
    let unattainable = Target::from_le_bytes([0; 32]);
    let prepared = Prepared::new(header.work(), &unattainable);
    let started = Instant::now();
    let hash = || {
        let mut hashes = 0;
        while started.elapsed() < MEASURED {
            prepared.search(kernel, NonceRange::new(Nonce::new(hashes), BATCH));
            hashes += BATCH;
        }
        hashes
    };
    let hashes = thread::scope(|scope| -> io::Result<u64> {
        let mut hashers = Vec::new();
        for _ in 0..threads.get() {
            hashers.push(thread::Builder::new().spawn_scoped(scope, hash)?);
        }
        let counts = hashers
            .into_iter()
            .map(|hasher| hasher.join().expect("hashing does not panic"));
        Ok(counts.sum())
    })?;
    Ok(HashRate::of(hashes, started.elapsed()))
}
