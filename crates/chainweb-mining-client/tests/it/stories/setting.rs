//! A simulated network with a client on it, observed while things go wrong.
//!
//! A story waits for conditions only, by polling. Network and client share its thread: between two
//! `await`s of a story both stand still, except for hashing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chainweb::{ChainGraph, Difficulty};
use chainweb_mining_client::mine::{self, Mining};
use chainweb_mining_client::on_demand::Server;
use miner::Preemption;
use miner::history::History;
use miner::meter::HashMeter;
use miner::run::{self, Engine};
use miner::telemetry::Counters;
use miner::telemetry::snapshot::{Payee, Program, Snapshot};
use miner::timing::Timing;
use miner::worker::Worker;
use miner::worker::cpu::placement::Placement;
use miner::worker::cpu::{self, Cpu};
use node::{Backoff, Limits, Miner};
use pow::Kernel;
use simnet::{Endpoint, Report, Rule, Simnet, Verdict};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::seed;

/// The time limit of conditions without a limit of their own.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The time limit of a recovery.
///
/// The client promises to recover within two seconds of the end of a fault and of the request in
/// progress then. The stories run it with a quarter of the default pauses, which leaves it half a
/// second; this limit is four times that. A client that is four times too slow fails, and so does
/// one that waits for the time limit of one request too many.
pub(super) const RECOVERY: Duration = Duration::from_secs(2);
/// The divisor of the client's pauses.
const QUICKER: u32 = 4;

const POLL: Duration = Duration::from_millis(2);
/// The most time that counts between two polls. If this thread did not run for longer, neither did
/// the client, and a busy machine is the reason.
const POLL_COUNTS: Duration = Duration::from_millis(10);
/// The longest time to wait, busy machine included.
const HOPELESS: Duration = Duration::from_mins(2);
/// A worker that counts no hash for this long, a hundred batches, does not hash.
const STILL: Duration = Duration::from_millis(120);

pub(super) const KEY: &str = fixtures::PUBLIC_KEY;

/// The configuration of network and client at the start of a story.
pub(super) struct Setting {
    pub(super) network: simnet::Config,
    pub(super) timing: Timing,
    pub(super) limits: Limits,
    pub(super) preemption: Preemption,
    pub(super) confirmations: u64,
    /// The number of the last nodes that only insure.
    pub(super) submit_only: usize,
}

impl Setting {
    /// Returns a setting of ten chains, on which a block takes a few milliseconds.
    pub(super) fn easy() -> Self {
        Self::new(ChainGraph::petersen(), 20_000)
    }

    /// Returns a setting of two chains on which no block is ever found: the client holds a job on
    /// each.
    pub(super) fn hard() -> Self {
        Self::new(ChainGraph::pair(), 1 << 60)
    }

    pub(super) fn new(graph: ChainGraph, difficulty: u64) -> Self {
        let network = simnet::Config {
            graph,
            start_difficulty: Difficulty::from_u128(difficulty.into()),
            // As fast as blocks come here, so that the difficulty does not rise.
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
                // The node picks chains at random, so the number of these pauses is random too.
                held_chain_pause: timing.held_chain_pause / 50,
                misconfigured_retry: timing.misconfigured_retry / 60,
                peer_check: timing.peer_check / QUICKER,
                fork_check: timing.fork_check / QUICKER,
                behind: timing.behind / QUICKER,
                ..timing
            },
            limits: Limits {
                info: second,
                work: second,
                solved: second,
                cut: second,
                updates_open: second,
                reopen: Backoff {
                    first: limits.reopen.first / QUICKER,
                    max: limits.reopen.max / QUICKER,
                },
                ..limits
            },
            preemption: Preemption::default(),
            confirmations: 6,
            submit_only: 0,
        }
    }

    /// Starts the network, without a client.
    pub(super) async fn network(self) -> Story {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let log = Log::default();
        let simnet = Simnet::start(self.network, anywhere).await.unwrap();
        Story {
            simnet,
            timing: self.timing,
            limits: self.limits,
            preemption: self.preemption,
            confirmations: self.confirmations,
            submit_only: self.submit_only,
            client: JoinSet::new(),
            stop: CancellationToken::new(),
            meter: Arc::new(HashMeter::new(0)),
            balancer: None,
            chosen: Vec::new(),
            history: None,
            snapshots: None,
            _logging: log.install(),
            log,
        }
    }

    /// Starts the network and a client.
    pub(super) async fn begin(self) -> Story {
        let mut story = self.network().await;
        story.start_client();
        story
    }
}

/// A client on a network, and the observable state of both.
pub(super) struct Story {
    pub(super) simnet: Simnet,
    pub(super) log: Log,
    timing: Timing,
    limits: Limits,
    preemption: Preemption,
    confirmations: u64,
    submit_only: usize,
    client: JoinSet<anyhow::Result<Snapshot>>,
    stop: CancellationToken,
    meter: Arc<HashMeter>,
    /// The address of the client's node, if it is not the network's.
    pub(super) balancer: Option<SocketAddr>,
    /// The numbers of the nodes that the next client knows, in this order; none for all.
    pub(super) chosen: Vec<usize>,
    /// The state of the last client, unless it serves requests for blocks.
    snapshots: Option<watch::Receiver<Option<Arc<Snapshot>>>>,
    /// The history of the next client.
    pub(super) history: Option<History>,
    _logging: DefaultGuard,
}

impl Story {
    pub(super) fn start_client(&mut self) {
        let cpu = Cpu::new(cpu::Config {
            threads: NonZeroUsize::MIN,
            // The stories are about the time between blocks, of which a fast kernel leaves little.
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
        let nodes = self.simnet.nodes().iter().map(|node| node.address());
        let nodes: Vec<_> = nodes.collect();
        let addresses = match self.balancer {
            Some(balancer) => vec![balancer],
            None if self.chosen.is_empty() => nodes,
            None => self.chosen.iter().map(|number| nodes[*number]).collect(),
        };
        let node = |address: SocketAddr| node::Config {
            endpoint: address.to_string().parse().unwrap(),
            miner: Miner::new(Some(KEY), Some("miner")),
            trust: node::Trust::default(),
            limits: self.limits.clone(),
        };
        let engine = run::Config {
            program: Program {
                version: "test",
                payee: Payee::Account(format!("k:{KEY}")),
            },
            nodes: addresses.into_iter().map(node).collect(),
            submit_only: self.submit_only,
            work_slots: 2,
            worker,
            preemption: self.preemption,
            confirmations: self.confirmations,
            timing: self.timing,
            history: self.history.take(),
        };
        let stop = self.stop.clone();
        if server.is_none() {
            let engine = Engine::new(engine).unwrap();
            self.snapshots = Some(engine.snapshots());
            self.client.spawn(async { Ok(engine.run(stop).await?) });
            return;
        }
        let mining = Mining {
            engine,
            server,
            share_log: None,
            api: None,
            alerts: None,
        };
        self.client.spawn(mine::run(mining, stop, None));
    }

    /// Returns the last published state of the client.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.as_ref()?.borrow().clone()
    }

    /// Waits until the client publishes a state like this.
    pub(super) async fn until_state(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&Snapshot) -> bool,
    ) {
        self.until(what, PATIENCE, |story| {
            story.snapshot().is_some_and(|state| holds(&state))
        })
        .await;
    }

    /// Returns the durations of the client.
    pub(super) fn timing(&self) -> Timing {
        self.timing
    }

    /// Installs a rule for an endpoint, in force from now on.
    pub(super) fn fault(&self, endpoint: Endpoint, verdict: Verdict) {
        self.simnet.faults().install(Rule::on(endpoint, verdict));
    }

    /// Returns the number of requests that the node received.
    pub(super) fn asked(&self, endpoint: Endpoint) -> u64 {
        self.simnet.requests().of(endpoint)
    }

    /// Returns the number of the client's blocks in the cut.
    pub(super) fn accepted(&self) -> u64 {
        self.simnet.report().tally.accepted
    }

    pub(super) fn hashes(&self) -> u64 {
        self.meter.read().hashes
    }

    /// Waits until the condition holds. The client must not end meanwhile.
    pub(super) async fn until(
        &mut self,
        what: &str,
        within: Duration,
        holds: impl FnMut(&Self) -> bool,
    ) {
        let waited = self.waits(within, holds).await;
        assert!(
            waited.is_some(),
            "not within {within:?}: {what}\n{:?}\n{}",
            self.simnet.report().tally,
            self.log
        );
    }

    /// Waits until the condition holds, and returns how long that took, or `None` if it took too
    /// long. Time in which this thread did not run does not count. The client must not end
    /// meanwhile.
    pub(super) async fn waits(
        &mut self,
        within: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let (begun, mut polled) = (Instant::now(), Instant::now());
        let mut waited = Duration::ZERO;
        while !holds(self) {
            if let Some(ended) = self.client.try_join_next() {
                panic!("the client ended: {ended:?}\n{}", self.log);
            }
            if waited >= within || begun.elapsed() >= HOPELESS {
                return None;
            }
            sleep(POLL).await;
            waited += polled.elapsed().min(POLL_COUNTS);
            polled = Instant::now();
        }
        Some(waited)
    }

    /// Waits until the node has received this many more requests.
    pub(super) async fn until_asked(&mut self, endpoint: Endpoint, more: u64) {
        let wanted = self.asked(endpoint) + more;
        self.until(&format!("{more} more of {endpoint:?}"), PATIENCE, |story| {
            story.asked(endpoint) >= wanted
        })
        .await;
    }

    /// Waits until the log has this number of lines with all of these words.
    pub(super) async fn until_logged(&mut self, words: &[&str], times: usize) {
        self.until(&format!("{words:?} is logged"), PATIENCE, |story| {
            story.log.count(words) >= times
        })
        .await;
    }

    /// Waits until three more blocks of the client are in the cut.
    pub(super) async fn until_mining(&mut self) {
        let wanted = self.accepted() + 3;
        self.until("three more blocks", RECOVERY, |story| {
            story.accepted() >= wanted
        })
        .await;
    }

    /// Removes all faults and waits until the client mines again.
    pub(super) async fn recovers(&mut self) {
        self.simnet.faults().clear();
        self.until_mining().await;
    }

    /// Waits until ten more batches are hashed.
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

    /// Waits until the client has stopped hashing.
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

    /// Waits until the client of [`Setting::hard`] holds a watched job on each chain.
    pub(super) async fn until_held_and_watched(&mut self) {
        for chain in ["chain=0", "chain=1"] {
            self.until_logged(&["new job", chain], 1).await;
        }
        self.until_watched().await;
    }

    /// Waits until update streams watch all jobs of the client: it no longer requests the cut.
    pub(super) async fn until_watched(&mut self) {
        let quiet = 2 * self.timing.cut_check;
        let (mut last, mut since) = (self.asked(Endpoint::Cut), Instant::now());
        self.until("the cut is no longer requested", PATIENCE, |story| {
            let asked = story.asked(Endpoint::Cut);
            if asked != last {
                (last, since) = (asked, Instant::now());
            }
            since.elapsed() > quiet
        })
        .await;
    }

    /// Returns the number of jobs that were retired before they were solved.
    pub(super) fn retired(&self) -> usize {
        let solved = self.log.count(&["job retired", "reason=\"solved\""]);
        self.log.count(&["job retired"]) - solved
    }

    /// Requests the shutdown of the client.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Requests the shutdown of the client and waits for its end. Another one can be started then.
    pub(super) async fn stop_client(&mut self) -> Snapshot {
        self.stop();
        let joined = timeout(self.timing.grace + PATIENCE, self.client.join_next()).await;
        let Ok(Some(joined)) = joined else {
            panic!("the client does not end\n{}", self.log);
        };
        self.stop = CancellationToken::new();
        joined.unwrap().unwrap()
    }

    /// Requests the shutdown of the client and waits for its end.
    pub(super) async fn end(mut self) -> Ended {
        let asked = Instant::now();
        let summary = self.stop_client().await;
        let took = asked.elapsed();
        let report = self.simnet.report();
        self.simnet.shutdown().await;
        Ended {
            took,
            counters: summary.counters,
            report,
            log: self.log,
        }
    }

    /// Ends the client, and checks what holds at the end of every story.
    pub(super) async fn ends_well(self) -> Ended {
        let ended = self.end().await;
        ended.check();
        ended
    }
}

/// The state at the end of a story.
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) counters: Counters,
    pub(super) report: Report,
    pub(super) log: Log,
}

impl Ended {
    /// Checks that the client submitted valid solutions only, and knows of each of its blocks
    /// whether it is in the cut.
    #[track_caller]
    pub(super) fn check(&self) {
        self.check_solutions();
        let (counters, report, log) = (&self.counters, &self.report, &self.log);
        let (tally, blocks) = (report.tally, counters.blocks);
        let in_cut = report.own_in_cut.len() as u64;
        assert_eq!(blocks.accepted, in_cut, "{counters:?} {tally:?}\n{log}");
        // Only a block without an answer from the node can be in an unknown state.
        let unanswered = log.count(&["block is lost unless one of the submissions got through"]);
        assert!(
            blocks.pending <= unanswered as u64,
            "{counters:?} {tally:?}\n{log}"
        );
    }

    /// Checks the solutions and the log, also for stories in which the blocks cannot be looked up.
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

/// The log of the client.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects the log of this thread, which runs all of the client except its hashing threads.
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

    /// Returns the lines that contain all of these words.
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
        // In a long story the last lines matter.
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
