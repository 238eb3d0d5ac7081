//! Nobody hashes: a block is made when somebody asks for one over HTTP.
//!
//! Work is handed back as the node gave it, which only a node without proof of work takes. One task owns the goals;
//! whoever asks sends it an order and gets an answer. How orders come in is the server's affair, and what they lead to is
//! the plan's.

mod accept;
mod counts;
mod goals;
mod needs;
mod plan;
mod routes;
mod server;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ::stratum::{BindError, Interface};
use chainweb::ChainId;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::goals::{Mark, Progress};
use self::plan::{Plan, Refused, list};
use super::{WorkerError, until};
use crate::demand::{self, Demand, DemandHandle, DemandWatch};
use crate::job::{Jobs, Solution};
use crate::timing::Timing;

/// Orders that wait for the worker, which takes them at once. Whoever has one more waits.
const ORDERS_QUEUED: usize = 64;

/// The on-demand worker: a server that listens, and does not answer before it is run.
#[derive(Debug)]
pub struct OnDemand {
    listener: TcpListener,
    wants: DemandHandle,
    wanted: DemandWatch,
    timing: Timing,
}

/// What somebody asks of the worker.
#[derive(Debug)]
enum Order {
    /// Blocks; who waits for them is told when they are made.
    Make {
        counts: BTreeMap<ChainId, u64>,
        answer: oneshot::Sender<Result<(), Refused>>,
        done: Option<oneshot::Sender<Done>>,
    },
    /// To know what is outstanding.
    Tell(oneshot::Sender<BTreeMap<ChainId, u64>>),
    /// To give up what is outstanding.
    GiveUp(oneshot::Sender<()>),
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// Its blocks are in the cut.
    Made,
    /// It was given up.
    Dropped,
}

/// Somebody who waits for blocks.
#[derive(Debug)]
struct Waiter {
    mark: Mark,
    done: oneshot::Sender<Done>,
}

/// Whether the cut is to be looked at anew, or only if something else is wanted than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Anew,
    IfChanged,
}

impl OnDemand {
    /// Takes the port; with port 0 the system picks one.
    pub async fn bind(interface: &Interface, port: u16, timing: Timing) -> Result<Self, BindError> {
        let (wants, wanted) = demand::channel(Demand::Nothing);
        Ok(Self {
            listener: interface.listen(port).await?,
            wants,
            wanted,
            timing,
        })
    }

    /// Where orders can be sent.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn wanted(&self) -> DemandWatch {
        self.wanted.clone()
    }

    pub(crate) async fn run(
        self,
        jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        // With port 0 nothing else tells where.
        if let Ok(address) = self.address() {
            info!(%address, "blocks are made on demand: POST /make-blocks");
        }
        let (orders, ordered) = mpsc::channel(ORDERS_QUEUED);
        let mut serving = JoinSet::new();
        serving.spawn(server::run(self.listener, orders, stop.clone()));
        let desk = Desk {
            plan: Plan::new(self.timing.first_block_lookup),
            waiters: Vec::new(),
            jobs,
            wants: self.wants,
            solutions,
        };
        desk.run(ordered, serving, stop).await
    }
}

/// The worker's state.
struct Desk {
    plan: Plan,
    waiters: Vec<Waiter>,
    jobs: watch::Receiver<Arc<Jobs>>,
    wants: DemandHandle,
    solutions: mpsc::Sender<Solution>,
}

impl Desk {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut serving: JoinSet<()>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        loop {
            let loss = self.plan.next_loss();
            // All of these lose nothing when they are dropped.
            let look = tokio::select! {
                () = stop.cancelled() => break,
                Some(order) = orders.recv() => self.take(order),
                Ok(()) = self.jobs.changed() => Look::IfChanged,
                Ok(()) = self.wants.view.changed() => {
                    self.see();
                    Look::IfChanged
                }
                () = until(loss) => Look::Anew,
                // Told to stop, it may be done before this sees that.
                _ = serving.join_next() => {
                    if stop.is_cancelled() {
                        break;
                    }
                    return Err(WorkerError::OnDemandServerEnded);
                }
            };
            self.settle(look).await;
        }
        // Whoever waits for blocks, or for an answer, learns from this that nothing more is made.
        self.waiters.clear();
        drop(orders);
        while serving.join_next().await.is_some() {}
        Ok(())
    }

    fn take(&mut self, order: Order) -> Look {
        // Who asked may have left without waiting for the answer.
        match order {
            Order::Make {
                counts,
                answer,
                done,
            } => {
                let asked = self.plan.ask(Instant::now(), &counts);
                answer.send(asked.clone().map(|_| ())).ok();
                let Ok(mark) = asked else {
                    return Look::IfChanged;
                };
                if counts.values().any(|count| *count > 0) {
                    info!(blocks = %counts::to_json(&counts), "blocks are asked for");
                }
                if let Some(done) = done {
                    self.waiters.push(Waiter { mark, done });
                }
                Look::Anew
            }
            Order::Tell(answer) => {
                answer.send(self.plan.outstanding()).ok();
                Look::IfChanged
            }
            Order::GiveUp(answer) => {
                let outstanding = self.plan.outstanding();
                self.plan.give_up();
                for waiter in self.waiters.drain(..) {
                    waiter.done.send(Done::Dropped).ok();
                }
                if !outstanding.is_empty() {
                    info!(blocks = %counts::to_json(&outstanding), "blocks that were asked for are given up");
                }
                answer.send(()).ok();
                Look::IfChanged
            }
        }
    }

    /// Takes in how the network stands.
    fn see(&mut self) {
        let Some(view) = self.wants.view.borrow_and_update().clone() else {
            return;
        };
        let was_busy = !self.plan.outstanding().is_empty();
        let lacking = self.plan.see(view);
        if !lacking.is_empty() {
            warn!(
                chains = list(&lacking),
                "blocks were asked for on chains that the node does not have; given up"
            );
        } else if was_busy && self.plan.outstanding().is_empty() {
            info!("all blocks that were asked for are in the cut");
        }
    }

    /// Does what follows from whatever has happened.
    async fn settle(&mut self, look: Look) {
        let jobs = Arc::clone(&self.jobs.borrow_and_update());
        let ready = self.plan.take(Instant::now(), &jobs);
        // What is wanted next is said before the blocks are handed in: then nobody fetches work for them again.
        let demand = self.plan.demand();
        self.wants.demand.send_if_modified(|last| {
            let is_new = *last != demand;
            *last = demand;
            is_new || look == Look::Anew
        });
        self.waiters.retain(|waiter| !waiter.done.is_closed());
        let plan = &self.plan;
        let over = self.waiters.extract_if(.., |waiter| {
            plan.progress(&waiter.mark) != Progress::Outstanding
        });
        for waiter in over {
            let done = match plan.progress(&waiter.mark) {
                Progress::Dropped => Done::Dropped,
                Progress::Outstanding | Progress::Made => Done::Made,
            };
            waiter.done.send(done).ok();
        }
        for job in ready {
            // Nobody listens only when the program ends.
            self.solutions.send(Solution::unsolved(job)).await.ok();
        }
    }
}
