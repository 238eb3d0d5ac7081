//! A simulated network with a client on it, to be watched while things go wrong.
//!
//! Waiting is always for a condition, by looking again and again. Network and client share one thread: between two
//! `await`s of a story neither of them does anything, except for hashing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chainweb::{ChainGraph, Difficulty};
use chainweb_mining_client::mine::{self, Mining};
use chainweb_mining_client::on_demand::Server;
use miner::coordinator::Preemption;
use miner::meter::HashMeter;
use miner::run;
use miner::telemetry::Counters;
use miner::telemetry::snapshot::{Payee, Program, Snapshot};
use miner::timing::Timing;
use miner::worker::Worker;
use miner::worker::cpu::placement::Placement;
use miner::worker::cpu::{self, Cpu};
use node::{Backoff, Limits, Miner};
use pow::Kernel;
use simnet::{Endpoint, Report, Rule, Simnet, Verdict};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::seed;

/// For what has no bound of its own.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The client promises to recover within two seconds of the end of a fault and of the request that is on its way
/// then. It runs here with a quarter of its pauses, taken from the real ones, so this is four times as long as it may
/// take: whoever makes it four times as slow, or has it wait for the limit of a request too many, is told.
pub(super) const RECOVERY: Duration = Duration::from_secs(2);
const QUICKER: u32 = 4;

const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// What one look counts at most. When this thread did not get to run for longer the client did not either, and the
/// time is the machine's and not the client's.
const LOOK_COUNTS: Duration = Duration::from_millis(10);
/// How long waiting takes at most, whosever time it is.
const HOPELESS: Duration = Duration::from_mins(2);
/// A worker that has counted no hash for this long, a hundred batches, does not hash.
const STILL: Duration = Duration::from_millis(120);

pub(super) const KEY: &str = fixtures::PUBLIC_KEY;

/// What a story begins with.
pub(super) struct Setting {
    pub(super) network: simnet::Config,
    pub(super) timing: Timing,
    pub(super) limits: Limits,
    pub(super) preemption: Preemption,
}

impl Setting {
    /// Ten chains on which a block takes a few milliseconds.
    pub(super) fn easy() -> Self {
        Self::new(ChainGraph::petersen(), 20_000)
    }

    /// Two chains on which no block is ever found: the client holds a job on each, for good.
    pub(super) fn hard() -> Self {
        Self::new(ChainGraph::pair(), 1 << 60)
    }

    pub(super) fn new(graph: ChainGraph, difficulty: u64) -> Self {
        let network = simnet::Config {
            graph,
            start_difficulty: Difficulty::from_u128(difficulty.into()),
            // As fast as blocks come here, so that they do not become harder.
            block_delay: Duration::from_millis(100),
            seed: seed(),
            ..simnet::Config::default()
        };
        let second = Duration::from_secs(1);
        let (timing, limits) = (Timing::default(), Limits::default());
        Self {
            network,
            timing: Timing {
                retry_min: timing.retry_min / QUICKER,
                retry_max: timing.retry_max / QUICKER,
                cut_check: timing.cut_check / QUICKER,
                first_block_lookup: timing.first_block_lookup / QUICKER,
                block_lookup_interval: timing.block_lookup_interval / QUICKER,
                // Which chain the node offers is chance: how often one has to wait for another, too.
                held_chain_pause: timing.held_chain_pause / 50,
                misconfigured_retry: timing.misconfigured_retry / 60,
                ..timing
            },
            limits: Limits {
                info: second,
                work: second,
                solved: second,
                cut: second,
                reopen: Backoff {
                    first: limits.reopen.first / QUICKER,
                    max: limits.reopen.max / QUICKER,
                },
                ..limits
            },
            preemption: Preemption::default(),
        }
    }

    /// The network, before there is a client.
    pub(super) async fn network(self) -> Story {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let log = Log::default();
        let simnet = Simnet::start(self.network, anywhere).await.unwrap();
        Story {
            simnet,
            timing: self.timing,
            limits: self.limits,
            preemption: self.preemption,
            client: JoinSet::new(),
            stop: CancellationToken::new(),
            meter: Arc::new(HashMeter::new(0)),
            _logging: log.install(),
            log,
        }
    }

    /// The network with a client that has just begun.
    pub(super) async fn begin(self) -> Story {
        let mut story = self.network().await;
        story.start_client();
        story
    }
}

/// A client on a network, and what can be seen of both.
pub(super) struct Story {
    pub(super) simnet: Simnet,
    pub(super) log: Log,
    timing: Timing,
    limits: Limits,
    preemption: Preemption,
    client: JoinSet<anyhow::Result<Snapshot>>,
    stop: CancellationToken,
    meter: Arc<HashMeter>,
    _logging: DefaultGuard,
}

impl Story {
    pub(super) fn start_client(&mut self) {
        let cpu = Cpu::new(cpu::Config {
            threads: NonZeroUsize::MIN,
            // The stories are about what goes on between blocks: a fast kernel leaves little of that.
            searcher: Kernel::Portable.prove().unwrap(),
            placement: Placement::default(),
            first_nonce: 0,
            timing: self.timing,
        });
        self.meter = cpu.meter();
        self.start_client_with(Worker::Cpu(cpu));
    }

    pub(super) fn start_client_with(&mut self, worker: Worker) {
        self.start_client_and_server(worker, None);
    }

    /// Starts a client with this worker, and the server of the on-demand worker.
    pub(super) fn start_client_and_server(&mut self, worker: Worker, server: Option<Server>) {
        let node = node::Config {
            endpoint: self.simnet.address().to_string().parse().unwrap(),
            miner: Miner::new(Some(KEY), Some("somebody")),
            insecure: false,
            limits: self.limits.clone(),
        };
        let engine = run::Config {
            program: Program {
                version: "test",
                payee: Payee::Account(format!("k:{KEY}")),
            },
            nodes: vec![node],
            work_slots: 2,
            worker,
            preemption: self.preemption,
            timing: self.timing,
        };
        let mining = Mining { engine, server };
        self.client.spawn(mine::run(mining, self.stop.clone()));
    }

    /// The durations that the client of this story goes by.
    pub(super) fn timing(&self) -> Timing {
        self.timing
    }

    /// A rule that is in force from now on.
    pub(super) fn fault(&self, endpoint: Endpoint, verdict: Verdict) {
        self.simnet.faults().install(Rule::on(endpoint, verdict));
    }

    /// How often the node was asked.
    pub(super) fn asked(&self, endpoint: Endpoint) -> u64 {
        self.simnet.requests().of(endpoint)
    }

    /// The client's blocks that have come into the cut.
    pub(super) fn accepted(&self) -> u64 {
        self.simnet.report().tally.accepted
    }

    pub(super) fn hashes(&self) -> u64 {
        self.meter.read().hashes
    }

    /// Waits until it holds; the client must not end meanwhile.
    pub(super) async fn until(
        &mut self,
        what: &str,
        within: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) {
        let (begun, mut looked) = (Instant::now(), Instant::now());
        let mut waited = Duration::ZERO;
        while !holds(self) {
            if let Some(ended) = self.client.try_join_next() {
                panic!("the client ended: {ended:?}\n{}", self.log);
            }
            assert!(
                waited < within && begun.elapsed() < HOPELESS,
                "not within {within:?}: {what}\n{:?}\n{}",
                self.simnet.report().tally,
                self.log
            );
            sleep(LOOK_AGAIN).await;
            waited += looked.elapsed().min(LOOK_COUNTS);
            looked = Instant::now();
        }
    }

    /// Waits until the node was asked so many times more.
    pub(super) async fn until_asked(&mut self, endpoint: Endpoint, more: u64) {
        let wanted = self.asked(endpoint) + more;
        self.until(&format!("{more} more of {endpoint:?}"), PATIENCE, |story| {
            story.asked(endpoint) >= wanted
        })
        .await;
    }

    /// Waits until the client has said it so many times since the beginning.
    pub(super) async fn until_said(&mut self, words: &[&str], times: usize) {
        self.until(&format!("{words:?} is said"), PATIENCE, |story| {
            story.log.count(words) >= times
        })
        .await;
    }

    /// Waits until some more blocks of the client are in the cut.
    pub(super) async fn until_mining(&mut self) {
        let wanted = self.accepted() + 3;
        self.until("three more blocks", RECOVERY, |story| {
            story.accepted() >= wanted
        })
        .await;
    }

    /// Ends all faults and waits until the client mines again.
    pub(super) async fn recovers(&mut self) {
        self.simnet.faults().clear();
        self.until_mining().await;
    }

    /// Waits until some more batches were hashed.
    pub(super) async fn until_hashing(&mut self) {
        let (mut last, mut batches) = (self.hashes(), 0);
        self.until("work is hashed", RECOVERY, |story| {
            let hashes = story.hashes();
            batches += u32::from(hashes != last);
            last = hashes;
            batches >= 10
        })
        .await;
    }

    /// Waits until nothing is hashed any more.
    pub(super) async fn until_idle(&mut self) {
        let (mut last, mut since) = (self.hashes(), Instant::now());
        self.until("nothing is hashed", RECOVERY, |story| {
            let hashes = story.hashes();
            if hashes != last {
                (last, since) = (hashes, Instant::now());
            }
            since.elapsed() >= STILL
        })
        .await;
    }

    /// Waits until the client of [`Setting::hard`] holds a job on each chain and hears all that outdates them.
    pub(super) async fn until_held_and_covered(&mut self) {
        for chain in ["chain=0", "chain=1"] {
            self.until_said(&["new job", chain], 1).await;
        }
        self.until_covered().await;
    }

    /// Waits until the client hears all that outdates its jobs: it does not look at the cut any more.
    pub(super) async fn until_covered(&mut self) {
        let quiet = 2 * self.timing.cut_check;
        let (mut last, mut since) = (self.asked(Endpoint::Cut), Instant::now());
        self.until("no look at the cut any more", PATIENCE, |story| {
            let looks = story.asked(Endpoint::Cut);
            if looks != last {
                (last, since) = (looks, Instant::now());
            }
            since.elapsed() > quiet
        })
        .await;
    }

    /// How many jobs were retired before they were solved.
    pub(super) fn retired(&self) -> usize {
        let solved = self.log.count(&["job retired", "reason=\"solved\""]);
        self.log.count(&["job retired"]) - solved
    }

    /// Asks the client to end.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Asks the client to end and waits until it has.
    pub(super) async fn end(mut self) -> Ended {
        self.stop();
        let asked = Instant::now();
        let joined = timeout(self.timing.grace + PATIENCE, self.client.join_next()).await;
        let took = asked.elapsed();
        let Ok(Some(joined)) = joined else {
            panic!("the client does not end\n{}", self.log);
        };
        let summary = joined.unwrap().unwrap();
        let report = self.simnet.report();
        self.simnet.shutdown().await;
        Ended {
            took,
            counters: summary.counters,
            report,
            log: self.log,
        }
    }

    /// Asks the client to end and checks what has come of it all.
    pub(super) async fn ends_well(self) -> Ended {
        let ended = self.end().await;
        ended.check();
        ended
    }
}

/// What a story has come to.
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) counters: Counters,
    pub(super) report: Report,
    pub(super) log: Log,
}

impl Ended {
    /// What holds whatever went wrong: the client never handed in what is no solution, and knows of each of its
    /// blocks whether it is in the cut.
    #[track_caller]
    pub(super) fn check(&self) {
        self.check_solutions();
        let (counters, report, log) = (&self.counters, &self.report, &self.log);
        let (tally, blocks) = (report.tally, counters.blocks);
        let in_cut = report.own_in_cut.len() as u64;
        assert_eq!(blocks.accepted, in_cut, "{counters:?} {tally:?}\n{log}");
        // Only a block that the node may have taken without saying so can be nowhere.
        let unanswered = log.count(&["block is lost unless one of the submissions got through"]);
        assert!(
            blocks.pending <= unanswered as u64,
            "{counters:?} {tally:?}\n{log}"
        );
    }

    /// What holds of solutions, and of the log, even where the blocks are out of sight.
    #[track_caller]
    pub(super) fn check_solutions(&self) {
        let (counters, tally, log) = (&self.counters, self.report.tally, &self.log);
        assert_eq!(counters.solutions_rejected, 0, "{counters:?}\n{log}");
        assert_eq!(
            (tally.bad_pow, tally.malformed, tally.invalid),
            (0, 0, 0),
            "{tally:?}\n{log}"
        );
        assert_eq!(log.count(&["ERROR"]), 0, "{log}");
    }
}

/// What the client says.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects what this thread says, and the client is on it but for its hashing threads.
    fn install(&self) -> DefaultGuard {
        let log = self.clone();
        let lines = fmt::layer()
            .with_ansi(false)
            .with_writer(move || log.clone());
        let client = Targets::new()
            .with_target("miner", Level::DEBUG)
            .with_target("node", Level::DEBUG)
            .with_target("stratum", Level::DEBUG);
        tracing_subscriber::registry()
            .with(lines.with_filter(client))
            .set_default()
    }

    /// The lines that hold all of these.
    pub(super) fn lines(&self, words: &[&str]) -> Vec<String> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| words.iter().all(|word| line.contains(word)))
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn count(&self, words: &[&str]) -> usize {
        self.lines(words).len()
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The end of a long story tells what went wrong.
        let lines = self.lines(&[]);
        for line in &lines[lines.len().saturating_sub(200)..] {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
