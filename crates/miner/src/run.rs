//! Where events meet I/O: the loop that carries out what the coordinator decides.
//!
//! All requests and update streams live in this one task, as futures that it polls: nothing is shared, and dropping a
//! future ends its request. Beside it runs only the worker.

mod status;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered, SelectAll};
use node::{BuildError, Client, Info};
use tokio::sync::watch::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::interval_at;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::status::Status;
use crate::coordinator::{self, Action, Coordinator, Event, Identity, Preemption, Request};
use crate::demand::DemandWatch;
use crate::job::{Jobs, NodeId, Solution};
use crate::meter::{Meter, Rate, Reading};
use crate::telemetry::{self, Counters};
use crate::timing::Timing;
use crate::units::About;
use crate::worker::{Worker, WorkerError, until};

/// Solutions that wait for the coordinator. It takes them at once; a worker that is faster waits.
const SOLUTIONS_QUEUED: usize = 64;

/// What to run.
#[derive(Debug)]
pub struct Config {
    /// The nodes in the order of preference.
    pub nodes: Vec<node::Config>,
    /// How many jobs are held.
    pub work_slots: usize,
    /// What solves them.
    pub worker: Worker,
    /// When a job makes way for one with a newer payload.
    pub preemption: Preemption,
    /// All durations.
    pub timing: Timing,
}

/// Why the program cannot run, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A client of a node cannot be made.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// The worker has failed.
    #[error("the worker failed")]
    Worker(#[from] WorkerError),
    /// The worker has ended or panicked.
    #[error("the worker ended unexpectedly")]
    WorkerEnded,
}

/// What a run has come to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What has happened.
    pub counters: Counters,
    /// What was counted of the worker's hashes.
    pub hashed: Reading,
    /// The worker's mean hash rate, as far as it is known.
    pub rate: Rate,
    /// How long the worker ran.
    pub elapsed: Duration,
}

impl Summary {
    /// What the choice of a preemption policy rests on.
    fn log_refreshes(&self) {
        let refreshes = &self.counters.refreshes;
        debug!(
            received = refreshes.received,
            fetches = refreshes.fetches,
            preempted = refreshes.preempted,
            identical = refreshes.identical,
            skipped = refreshes.skipped,
            pending = refreshes.pending,
            outdated = %About(refreshes.outdated),
            "renewed payloads"
        );
    }

    fn log(&self) {
        let Counters {
            blocks,
            solutions_stale,
            solutions_rejected,
            ..
        } = &self.counters;
        info!(
            after = %About(self.elapsed),
            rate = self.rate.field().map(display),
            accepted = blocks.accepted,
            pending = blocks.pending,
            orphaned = blocks.orphaned,
            stale = solutions_stale,
            rejected = solutions_rejected,
            "stopped"
        );
        self.log_refreshes();
    }
}

/// Mines until `stop` is cancelled, and then hands in what is solved within the grace of the timing.
pub async fn run(config: Config, stop: CancellationToken) -> Result<Summary, RunError> {
    let Config {
        nodes,
        work_slots,
        worker,
        preemption,
        timing,
    } = config;
    let clients: Vec<_> = nodes
        .into_iter()
        .map(Client::new)
        .collect::<Result<_, _>>()?;
    for client in &clients {
        info!(node = %client.endpoint(), "connecting");
    }
    let (jobs, watched) = watch::channel(Arc::default());
    let (found, solutions) = mpsc::channel(SOLUTIONS_QUEUED);
    let (meter, proof, wanted) = (worker.meter(), worker.proof(), worker.wanted());
    let mut workers = JoinSet::new();
    workers.spawn(worker.run(watched, found, stop.child_token()));
    let engine = Engine {
        coordinator: Coordinator::new(coordinator::Config {
            nodes: clients.len(),
            work_slots,
            preemption,
            proof,
            timing,
        }),
        streams: clients.iter().map(|_| SelectAll::new()).collect(),
        addresses: clients
            .iter()
            .map(|client| client.endpoint().to_string())
            .collect(),
        clients,
        requests: FuturesUnordered::new(),
        jobs,
        wanted,
        status: Status::new(Instant::now(), &meter),
        meter,
    };
    engine.run(timing, solutions, workers, stop).await
}

/// The loop's state.
struct Engine {
    coordinator: Coordinator,
    clients: Vec<Client>,
    /// The addresses of the nodes, for the log.
    addresses: Vec<String>,
    requests: FuturesUnordered<BoxFuture<'static, (Event, Duration)>>,
    streams: Vec<SelectAll<BoxStream<'static, Event>>>,
    jobs: watch::Sender<Arc<Jobs>>,
    /// Of a worker that does not take any work.
    wanted: Option<DemandWatch>,
    meter: Meter,
    status: Status,
}

impl Engine {
    async fn run(
        mut self,
        timing: Timing,
        mut solutions: mpsc::Receiver<Solution>,
        mut workers: JoinSet<Result<(), WorkerError>>,
        stop: CancellationToken,
    ) -> Result<Summary, RunError> {
        let started = Instant::now();
        let mut status = interval_at((started + timing.status).into(), timing.status);
        let mut stopped: Option<Instant> = None;
        let mut worker_is_done = false;
        self.hear_demand();
        self.take(Event::Tick);
        while !(self.coordinator.is_finished() && worker_is_done && solutions.is_empty()) {
            let now = Instant::now();
            let deadline = stopped.map(|at| at + timing.grace);
            if deadline.is_some_and(|deadline| deadline <= now) {
                if self.coordinator.is_submitting() || !solutions.is_empty() {
                    warn!(grace = ?timing.grace, "not everything could be handed in before the end");
                } else {
                    info!(grace = ?timing.grace, "the fate of the last blocks could not be looked up before the end");
                }
                break;
            }
            let wakeup = self
                .coordinator
                .next_wakeup()
                .into_iter()
                .chain(deadline)
                .min();
            // All of these lose nothing when they are dropped: streams, channels, timers and joins.
            tokio::select! {
                Some((event, latency)) = self.requests.next() => {
                    if event.is_answer() {
                        self.status.latency(latency);
                    }
                    self.take(event);
                }
                event = next_update(&mut self.streams) => self.take(event),
                Some(solution) = solutions.recv() => {
                    // The worker has said before what it wants after this.
                    if self.wanted.as_ref().is_some_and(DemandWatch::has_changed) {
                        self.hear_demand();
                    }
                    self.take(Event::Solved(solution));
                }
                Ok(()) = demand_changes(self.wanted.as_mut()) => self.hear_demand(),
                () = until(wakeup) => self.take(Event::Tick),
                _ = status.tick() => {
                    self.status.log(Instant::now(), &self.meter, &self.coordinator, &self.clients);
                }
                () = stop.cancelled(), if stopped.is_none() => {
                    stopped = Some(Instant::now());
                    self.take(Event::Stop);
                }
                Some(ended) = workers.join_next() => {
                    ended.map_err(|_| RunError::WorkerEnded)??;
                    if !stop.is_cancelled() {
                        return Err(RunError::WorkerEnded);
                    }
                    worker_is_done = true;
                }
            }
        }
        let ended = stopped.unwrap_or_else(Instant::now);
        let elapsed = ended.saturating_duration_since(started);
        let summary = Summary {
            counters: self.coordinator.counters(),
            hashed: self.meter.counted(),
            rate: self.meter.mean_rate(ended, elapsed),
            elapsed,
        };
        summary.log();
        Ok(summary)
    }

    /// Tells the coordinator what the worker wants.
    fn hear_demand(&mut self) {
        if let Some(wanted) = &mut self.wanted {
            let demand = wanted.demand.borrow_and_update().clone();
            self.take(Event::Demand(demand));
        }
    }

    /// Lets the coordinator take an event in and carries out what follows.
    fn take(&mut self, event: Event) {
        for action in self.coordinator.handle(Instant::now(), event) {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Publish(jobs) => {
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
                self.streams[node.0].push(events.boxed());
            }
            Action::Unsubscribe { node } => self.streams[node.0].clear(),
            Action::Report(event) => telemetry::log(&event, &self.addresses),
            Action::Request { node, request } => {
                let client = self.clients[node.0].clone();
                self.requests.push(Box::pin(answer(client, node, request)));
            }
        }
    }
}

/// Makes a request and gives the event that answers it, and the time that this took.
async fn answer(client: Client, node: NodeId, request: Request) -> (Event, Duration) {
    let asked = Instant::now();
    let event = match request {
        Request::Identify => {
            let result = client.info().await;
            let identity = |info: Info| Identity {
                version: info.version,
                chains: info.chains,
                graph: info.graph,
            };
            Event::Identified {
                node,
                result: result.map(identity),
            }
        }
        Request::Work {
            version,
            seq,
            chain,
        } => {
            let result = client.work(&version, chain).await;
            Event::Work { node, seq, result }
        }
        Request::Cut { version, seq } => Event::Cut {
            node,
            seq,
            result: client.cut(&version).await,
        },
        Request::Ancestors {
            version,
            seq,
            chain,
            tip,
            heights,
        } => {
            let result = client.ancestors(&version, chain, tip.hash, heights).await;
            Event::Ancestors {
                node,
                seq,
                chain,
                tip_height: tip.height,
                result,
            }
        }
        Request::Submit {
            version,
            submission,
            header,
        } => Event::Submitted {
            submission,
            result: client.solved(&version, &header).await,
        },
    };
    (event, asked.elapsed())
}

/// The next event of any update stream; pending for ever while there is none.
async fn next_update(streams: &mut [SelectAll<BoxStream<'static, Event>>]) -> Event {
    let mut all: FuturesUnordered<_> = streams
        .iter_mut()
        .filter(|streams| !streams.is_empty())
        .map(StreamExt::next)
        .collect();
    while let Some(event) = all.next().await {
        if let Some(event) = event {
            return event;
        }
    }
    std::future::pending().await
}

/// Until a worker wants something else; pending for ever if it takes any work, an error once it has ended.
async fn demand_changes(wanted: Option<&mut DemandWatch>) -> Result<(), RecvError> {
    match wanted {
        Some(wanted) => wanted.demand.changed().await,
        None => std::future::pending().await,
    }
}
