//! The engine's loop: passes events to the coordinator and carries out its actions.
//!
//! All requests and update streams are futures of this one task: nothing is shared, and dropping a
//! future ends its request. Only the worker and the reader of device statistics are other tasks.

mod adoption;
mod devices;
mod feed;
mod journal;
pub(crate) mod ledger;
mod oversight;
mod requests;
mod waits;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chainweb::{Adjacents, ChainId};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{AbortHandle, BoxStream, FuturesUnordered, SelectAll, abortable};
use node::{BuildError, Client};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::devices::{Observation, Observer, rates_by_hour};
use self::journal::Journal;
use self::oversight::Oversight;
use self::requests::answer;
use self::waits::{demand_changes, every, next_update};
use crate::coordinator::{self, Action, Coordinator, Event, Preemption, Request};
use crate::demand::DemandWatch;
use crate::history::{History, by_instant};
use crate::job::{Jobs, NodeId, Proof, Solution};
use crate::telemetry::event::{Event as Report, FailureCause, NodeEvent, Unfinished};
use crate::telemetry::recorder::Recorder;
use crate::telemetry::snapshot::{Payee, Program, Snapshot};
use crate::timing::Timing;
use crate::worker::{Worker, WorkerError, until};

/// Solutions that wait for the coordinator, which takes them at once. A faster worker waits.
const SOLUTIONS_QUEUED: usize = 64;

/// The usual number of blocks on top of one that make its place final; the protocol defines none.
pub const CONFIRMATIONS: u64 = 6;

/// The configuration of the engine.
#[derive(Debug)]
pub struct Config {
    /// The version of the program and the account that it mines for.
    pub program: Program,
    /// The nodes in the order of preference.
    pub nodes: Vec<node::Config>,
    /// The number of the last nodes that only take solutions of the work of others.
    pub submit_only: usize,
    /// The highest number of live jobs.
    pub work_slots: usize,
    /// Solves the jobs.
    pub worker: Worker,
    /// When to fetch new work after a payload refresh.
    pub preemption: Preemption,
    /// The number of blocks on top of one of ours that make its place final; at least 1.
    pub confirmations: u64,
    /// All durations.
    pub timing: Timing,
    /// Where blocks are remembered beyond the end of the program.
    pub history: Option<History>,
}

/// Why the engine cannot run, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The client of a node cannot be built.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// The worker failed.
    #[error("the worker failed")]
    Worker(#[from] WorkerError),
    /// The worker ended or panicked.
    #[error("the worker ended unexpectedly")]
    WorkerEnded,
}

/// The engine: nodes, coordinator and worker.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    clients: Vec<Client>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Engine {
    /// Creates an engine. It sends no request before it runs.
    ///
    /// # Errors
    ///
    /// Returns an error if the client of a node cannot be built.
    pub fn new(mut config: Config) -> Result<Self, BuildError> {
        let nodes = std::mem::take(&mut config.nodes).into_iter();
        Ok(Self {
            clients: nodes.map(Client::new).collect::<Result<_, _>>()?,
            config,
            snapshots: watch::Sender::new(None),
        })
    }

    /// Returns a receiver of the engine's state, which changes about once a second. `None` until
    /// the engine runs.
    pub fn snapshots(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.snapshots.subscribe()
    }

    /// Mines until `stop` is cancelled, then submits what is solved, within the grace of the
    /// timing. Returns the last state.
    ///
    /// # Errors
    ///
    /// Returns an error if the worker fails or ends by itself.
    pub async fn run(self, stop: CancellationToken) -> Result<Snapshot, RunError> {
        let Config {
            program,
            submit_only,
            work_slots,
            worker,
            preemption,
            confirmations,
            timing,
            mut history,
            ..
        } = self.config;
        let earlier = history.as_mut().map(History::take_earlier);
        let earlier = earlier.unwrap_or_default();
        let clients = self.clients;
        let (jobs, watched) = watch::channel(Arc::default());
        let (found, solutions) = mpsc::channel(SOLUTIONS_QUEUED);
        let (meter, proof, wanted) = (worker.meter(), worker.proof(), worker.wanted());
        let server = worker.server().map(|(watch, stats, counters)| {
            stats.restore(earlier.of_workers());
            let hashes = earlier.workers.iter();
            let hashes = hashes
                .map(|(name, worker)| (name.clone(), by_instant(&worker.hours, Instant::now())));
            let watch = watch.remembering(rates_by_hour(&earlier), hashes.collect());
            (watch, stats, counters)
        });
        let observer = Observer::start(server, timing.snapshot);
        let mut workers = JoinSet::new();
        workers.spawn(worker.run(watched, found, stop.child_token()));
        let addresses = clients.iter().map(|client| client.endpoint().to_string());
        let now = Instant::now();
        let nodes = (addresses.collect(), submit_only);
        let mut recorder = Recorder::new(now, program, nodes, meter, proof);
        recorder.resume(&earlier);
        let running = Running {
            coordinator: Coordinator::new(
                now,
                coordinator::Config {
                    nodes: clients.len(),
                    submit_only,
                    work_slots,
                    preemption,
                    confirmations,
                    proof,
                    timing,
                },
            ),
            streams: clients.iter().map(|_| SelectAll::new()).collect(),
            opened: BTreeMap::new(),
            clients,
            requests: FuturesUnordered::new(),
            jobs,
            solutions,
            wanted,
            recorder,
            snapshots: self.snapshots,
            proof,
            is_mining: false,
            journal: Journal::new(history),
            oversight: Oversight::new(Instant::now()),
            payload_lifetime: timing.payload_lifetime,
        };
        Box::pin(running.run(&timing, observer, workers, stop)).await
    }
}

/// The loop's state.
struct Running {
    coordinator: Coordinator,
    clients: Vec<Client>,
    requests: FuturesUnordered<BoxFuture<'static, (NodeId, Event, Duration)>>,
    streams: Vec<SelectAll<BoxStream<'static, Event>>>,
    /// The streams by node and chain, to close each when another takes its place.
    opened: BTreeMap<(NodeId, ChainId), AbortHandle>,
    jobs: watch::Sender<Arc<Jobs>>,
    solutions: mpsc::Receiver<Solution>,
    /// Present if the worker asks for specific chains.
    wanted: Option<DemandWatch>,
    recorder: Recorder,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    proof: Proof,
    /// Whether work has arrived.
    is_mining: bool,
    journal: Journal,
    oversight: Oversight,
    payload_lifetime: Duration,
}

impl Running {
    async fn run(
        mut self,
        timing: &Timing,
        mut observer: Observer,
        mut workers: JoinSet<Result<(), WorkerError>>,
        stop: CancellationToken,
    ) -> Result<Snapshot, RunError> {
        let mut seconds = every(timing.snapshot);
        let (mut status, mut table) = (every(timing.status), every(timing.worker_table));
        let mut stopped: Option<Instant> = None;
        let mut worker_is_done = false;
        let mut failure = None;
        for node in (0..self.clients.len()).map(NodeId) {
            self.recorder
                .record(Instant::now(), Report::Connecting { node });
        }
        self.publish_snapshot();
        self.pass_demand();
        self.take(Event::Tick);
        while !(self.coordinator.is_finished() && worker_is_done && self.solutions.is_empty()) {
            let now = Instant::now();
            let deadline = stopped.map(|at| at + timing.grace);
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.take_solutions();
                self.report_unfinished(now);
                break;
            }
            let wakeup = self
                .coordinator
                .next_wakeup()
                .into_iter()
                .chain(deadline)
                .min();
            // Streams, channels, timers and joins lose nothing when they are dropped.
            tokio::select! {
                Some((node, event, latency)) = self.requests.next() => {
                    if let Some((operation, error)) = event.answered() {
                        let failed = error.map(FailureCause::from);
                        self.recorder.note_answer(node, (operation, failed), latency);
                    }
                    self.take(event);
                }
                event = next_update(&mut self.streams) => self.take(event),
                Some(solution) = self.solutions.recv() => {
                    // The worker changed its demand before it sent the solution.
                    if self.wanted.as_ref().is_some_and(DemandWatch::has_changed) {
                        self.pass_demand();
                    }
                    self.take(Event::Solved(solution));
                }
                held = self.journal.written() => self.record_held(held),
                Ok(()) = demand_changes(self.wanted.as_mut()) => self.pass_demand(),
                () = until(wakeup) => self.take(Event::Tick),
                Some(observation) = observer.next(), if stopped.is_none() => {
                    self.note_devices(observation);
                }
                _ = seconds.tick() => self.publish_snapshot(),
                _ = status.tick() => Recorder::log_status(&self.snapshot()),
                _ = table.tick() => self.recorder.log_devices(),
                () = stop.cancelled(), if stopped.is_none() => {
                    stopped = Some(Instant::now());
                    self.take(Event::Stop);
                }
                Some(ended) = workers.join_next() => {
                    worker_is_done = true;
                    let ended = ended.map_err(|_| RunError::WorkerEnded);
                    let ended = ended.and_then(|result| Ok(result?));
                    match ended {
                        Ok(()) if stop.is_cancelled() => {}
                        ended => {
                            failure = Some(ended.err().unwrap_or(RunError::WorkerEnded));
                            break;
                        }
                    }
                }
            }
        }
        let snapshot = self.finish(observer).await;
        failure.map_or(Ok(snapshot), Err)
    }

    /// Records what is left at the end, and returns the last state.
    async fn finish(&mut self, observer: Observer) -> Snapshot {
        self.take_solutions();
        self.journal.flush().await;
        let held = self.journal.take_held();
        self.record_held(held);
        if let Some(devices) = observer.end().await {
            self.recorder.note_devices(devices);
        }
        self.publish_snapshot();
        let snapshot = self.snapshot();
        self.journal.finish(&snapshot).await;
        self.recorder.log_end(&snapshot);
        snapshot
    }

    /// Reports what the end cuts off. Blocks that are not submitted are reported at the very end.
    fn report_unfinished(&mut self, now: Instant) {
        if !self.coordinator.is_submitting() {
            let what = if self.coordinator.is_finished() {
                Unfinished::Worker
            } else {
                Unfinished::Lookups
            };
            self.recorder.record(now, Report::Unfinished(what));
        }
    }

    /// Passes the solutions that wait to the coordinator.
    fn take_solutions(&mut self) {
        while let Ok(solution) = self.solutions.try_recv() {
            self.take(Event::Solved(solution));
        }
    }

    /// Passes the worker's demand to the coordinator.
    fn pass_demand(&mut self) {
        if let Some(wanted) = &mut self.wanted {
            let demand = wanted.demand.borrow_and_update().clone();
            self.take(Event::Demand(demand));
        }
    }

    /// Records events that were held back until a header was on the disk.
    fn record_held(&mut self, held: Vec<(Instant, Report)>) {
        for (at, event) in held {
            self.recorder.record(at, event);
        }
    }

    fn note_devices(&mut self, (devices, events): Observation) {
        self.recorder.note_devices(devices);
        for event in events {
            self.recorder.record(Instant::now(), event);
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let jobs = Arc::clone(&self.jobs.borrow());
        let counters = self.coordinator.counters();
        let mut snapshot = Snapshot {
            is_kept: self.journal.is_kept(),
            chains: self.coordinator.chains(),
            insured: self.coordinator.insured(),
            disk_fault: self.journal.fault(),
            ..self.recorder.snapshot(Instant::now(), jobs, counters)
        };
        self.oversight.complete(&mut snapshot, self.wanted.as_ref());
        snapshot
    }

    fn publish_snapshot(&mut self) {
        let now = Instant::now();
        self.recorder.tick(now, &self.coordinator.counters());
        self.journal.note_outages(now, self.recorder.nodes());
        if self.journal.is_minute_over() {
            let snapshot = self.snapshot();
            self.journal.write_totals(&snapshot);
            self.adopt_all();
        }
        for event in self.journal.expire() {
            self.recorder.record(now, event);
        }
        for (at, client) in self.clients.iter().enumerate() {
            let connections = client.connections_opened();
            self.recorder.note_connections(NodeId(at), connections);
            if let Some(skew) = client.clock_skew() {
                self.recorder.note_clock_skew(now, NodeId(at), skew);
            }
        }
        if self.snapshots.receiver_count() > 0 {
            let snapshot = Arc::new(self.snapshot());
            self.snapshots.send_replace(Some(snapshot));
        }
    }

    /// Lets the coordinator handle an event, and carries out what follows.
    fn take(&mut self, event: Event) {
        let is_answer = matches!(event, Event::Identified { result: Ok(_), .. });
        if let Event::Identified {
            node,
            result: Ok(info),
        } = &event
        {
            self.recorder.note_info(*node, info);
        }
        for action in self.coordinator.handle(Instant::now(), event) {
            self.carry_out(action);
        }
        if is_answer {
            self.adopt_all();
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Publish(jobs) => {
                self.note_first_work(&jobs);
                self.jobs.send_replace(jobs);
            }
            Action::Show(view) => {
                if let Some(wanted) = &self.wanted {
                    wanted.view.send_replace(Some(view));
                }
            }
            Action::Subscribe {
                node,
                version,
                subscription,
                chain,
            } => {
                let updates = self.clients[node.0].updates(&version, chain);
                let events = updates.map(move |update| Event::Update {
                    node,
                    subscription,
                    chain,
                    update,
                });
                let (events, handle) = abortable(events);
                self.streams[node.0].push(events.boxed());
                if let Some(former) = self.opened.insert((node, chain), handle) {
                    former.abort();
                }
            }
            Action::Unsubscribe { node } => {
                self.streams[node.0].clear();
                self.opened.retain(|(of, _), _| *of != node);
            }
            Action::Report(event) => {
                if let Report::Node(_, NodeEvent::NetworkChanged { .. }) = &event {
                    // Another network accepts the account or not.
                    self.is_mining = false;
                }
                let now = Instant::now();
                let expected = self.recorder.note(now, &event);
                let nodes = self.recorder.nodes();
                if let Some(event) = self.journal.pass(now, event, expected, nodes) {
                    self.recorder.record(now, event);
                }
            }
            Action::Request { node, request } => {
                let client = self.clients[node.0].clone();
                let start = match &request {
                    Request::Submit { job, .. } => Some(self.journal.start(*job)),
                    _ => None,
                };
                let answered = async move {
                    if let Some(start) = start {
                        start.await;
                    }
                    let (event, latency) = answer(client, node, request).await;
                    (node, event, latency)
                };
                self.requests.push(Box::pin(answered));
            }
        }
    }

    /// Reports that mining starts when the first work arrives, since only then the node has
    /// accepted the account.
    fn note_first_work(&mut self, jobs: &Jobs) {
        let Some(job) = jobs.iter().next().filter(|_| !self.is_mining) else {
            return;
        };
        self.is_mining = true;
        let (now, node) = (Instant::now(), job.node);
        self.recorder.record(now, Report::MiningStarted { node });
        // The nodes of the EVM line choose the account themselves. Only their work has hashed
        // adjacent parents.
        let is_evm = self.recorder.is_evm(node)
            || matches!(job.work.header().adjacents(), Adjacents::Hashed);
        let has_key = !matches!(self.recorder.payee(), Payee::NoKey);
        if self.proof == Proof::Verified && !has_key && !is_evm {
            self.recorder.record(now, Report::NoPublicKey { node });
        }
    }
}

/// Reports the blocks that the node has not taken, also if the program ends at once.
impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        self.take_solutions();
        let held = self.journal.take_held();
        self.record_held(held);
        for (block, header) in self.coordinator.open_submissions() {
            let event = Report::Unfinished(Unfinished::Submission {
                block,
                header: header.clone(),
                is_kept: self.journal.is_kept(),
            });
            self.recorder.record(Instant::now(), event);
        }
    }
}
