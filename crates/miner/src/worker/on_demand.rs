//! Nobody hashes: a block is made when somebody asks for one over HTTP.
//!
//! Work is handed back as the node gave it, which only a node without proof of work takes. One task owns the goals;
//! whoever asks sends it an order and gets an answer. How orders come in is the server's affair, and what they lead to is
//! the plan's.

pub mod counts;
mod goals;
mod needs;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chainweb::ChainId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::goals::{Mark, Progress};
pub use self::plan::Refused;
use self::plan::{Plan, list};
use super::{WorkerError, until};
use crate::demand::{self, Demand, DemandHandle, DemandWatch};
use crate::job::{Jobs, Solution};
use crate::timing::Timing;

/// Orders that wait for the worker, which takes them at once. Whoever has one more waits.
const ORDERS_QUEUED: usize = 64;

/// The on-demand worker, which makes the blocks that are requested over a channel.
#[derive(Debug)]
pub struct OnDemand {
    orders: mpsc::Receiver<Order>,
    wants: DemandHandle,
    wanted: DemandWatch,
    timing: Timing,
}

/// What somebody asks of the worker.
#[derive(Debug)]
pub enum Order {
    /// Blocks; who waits for them is told when they are made.
    Make {
        /// How many blocks, by chain.
        counts: BTreeMap<ChainId, u64>,
        /// Receives whether the request is accepted.
        answer: oneshot::Sender<Result<(), Refused>>,
        /// Receives the outcome, if the caller waits for it.
        done: Option<oneshot::Sender<Done>>,
    },
    /// To know what is outstanding.
    Tell(oneshot::Sender<BTreeMap<ChainId, u64>>),
    /// To give up what is outstanding.
    GiveUp(oneshot::Sender<()>),
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
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
    /// Returns the worker and the sender of its requests.
    pub fn new(timing: Timing) -> (Self, mpsc::Sender<Order>) {
        let (wants, wanted) = demand::channel(Demand::Nothing);
        let (sender, orders) = mpsc::channel(ORDERS_QUEUED);
        let worker = Self {
            orders,
            wants,
            wanted,
            timing,
        };
        (worker, sender)
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
        let desk = Desk {
            plan: Plan::new(self.timing.first_block_lookup),
            waiters: Vec::new(),
            jobs,
            wants: self.wants,
            solutions,
        };
        desk.run(self.orders, stop).await;
        Ok(())
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
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, stop: CancellationToken) {
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
            };
            self.settle(look).await;
        }
        // Whoever waits for blocks, or for an answer, learns from this that nothing more is made.
        self.waiters.clear();
        drop(orders);
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
