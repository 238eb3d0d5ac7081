//! The on-demand worker: makes the blocks requested over a channel, and no others.
//!
//! It does not hash: jobs are returned unsolved, which only a node without proof of work accepts.
//! One task owns all requests. `plan` decides which blocks to make.

mod braiding;
mod plan;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::ChainId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::plan::{MAX_BLOCKS, MAX_CHAINS, Plan};
use super::{WorkerError, until};
use crate::demand::{self, Demand, DemandHandle, DemandWatch};
use crate::job::{Jobs, Solution};
use crate::timing::Timing;
use crate::units::list;

/// Requests in the channel. The worker receives them at once; senders of more wait.
const MAX_QUEUED: usize = 64;

/// Numbers of blocks by chain.
pub type Counts = BTreeMap<ChainId, u64>;

/// A request to the worker.
#[derive(Debug)]
pub enum Request {
    /// Makes blocks in addition to the outstanding ones. The first sender receives whether
    /// the request is accepted, and the second its outcome if it is.
    Make(
        Counts,
        oneshot::Sender<Result<(), RequestError>>,
        oneshot::Sender<Outcome>,
    ),
    /// Returns the outstanding blocks.
    Outstanding(oneshot::Sender<Counts>),
    /// Cancels all outstanding blocks.
    Cancel(oneshot::Sender<()>),
}

/// How a request for blocks ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The blocks are in the cut.
    Made,
    /// The request was cancelled, or the node has changed to a network without a chain of it.
    Cancelled,
}

/// Why blocks cannot be requested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The network does not have the chain. Holds the chain and a list of the known chains.
    #[error("the node has no chain {0}; it has {1}")]
    UnknownChain(ChainId, String),
    /// The chain would have too many outstanding blocks.
    #[error("no more than {MAX_BLOCKS} blocks of a chain can be outstanding (chain {0})")]
    TooManyBlocks(ChainId),
    /// Blocks on too many chains, before the chains of the network are known.
    #[error("no more than {MAX_CHAINS} chains can be named")]
    TooManyChains,
}

/// The on-demand worker.
#[derive(Debug)]
pub struct OnDemand {
    requests: mpsc::Receiver<Request>,
    plan: Plan,
    /// The time after which a submitted block that is not in the cut is lost.
    patience: Duration,
    /// The receivers of outcomes, with the totals at which their blocks are made.
    waiters: Vec<(Counts, oneshot::Sender<Outcome>)>,
    handle: DemandHandle,
    watch: DemandWatch,
}

impl OnDemand {
    /// Returns the worker and the sender of its requests.
    pub fn new(timing: Timing) -> (Self, mpsc::Sender<Request>) {
        let (handle, watch) = demand::channel(Demand::Nothing);
        let (sender, requests) = mpsc::channel(MAX_QUEUED);
        let worker = Self {
            requests,
            plan: Plan::default(),
            patience: timing.first_block_lookup,
            waiters: Vec::new(),
            handle,
            watch,
        };
        (worker, sender)
    }

    pub(crate) fn wanted(&self) -> DemandWatch {
        self.watch.clone()
    }

    /// Makes blocks until `stop` is cancelled. The closed channels then end all waiting requests.
    pub(crate) async fn run(
        mut self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        loop {
            let loss = self.plan.next_loss();
            // Every branch is cancel safe. New requests and lost blocks need a new cut.
            let needs_cut = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(request) = self.requests.recv() => self.answer(request),
                Ok(()) = jobs.changed() => false,
                Ok(()) = self.handle.view.changed() => {
                    self.update_view();
                    false
                }
                () = until(loss) => true,
            };
            let jobs = Arc::clone(&jobs.borrow_and_update());
            let submitted = self.plan.submit(Instant::now(), self.patience, &jobs);
            // The demand changes before the submission, so that no work is fetched for these blocks
            // again.
            let demand = self.plan.demand();
            self.handle.demand.send_if_modified(|previous| {
                let has_changed = *previous != demand;
                *previous = demand;
                has_changed || needs_cut
            });
            for (totals, sender) in std::mem::take(&mut self.waiters) {
                match self.plan.outcome(&totals) {
                    Some(outcome) => drop(sender.send(outcome)),
                    None if sender.is_closed() => {}
                    None => self.waiters.push((totals, sender)),
                }
            }
            for job in submitted {
                // Fails only when the program ends.
                solutions.send(Solution::unsolved(job)).await.ok();
            }
        }
    }

    /// Returns whether a new cut is needed. Callers may have left without waiting for the reply.
    fn answer(&mut self, request: Request) -> bool {
        match request {
            Request::Make(mut counts, reply, outcome) => {
                // The triggers of some networks name the chains of larger ones.
                let unknown = self.plan.unknown(&counts);
                let has_others = unknown.len() < counts.len();
                if has_others && !unknown.is_empty() {
                    counts.retain(|chain, _| !unknown.contains(chain));
                    if self.plan.is_news(&unknown) {
                        let chains = list(unknown);
                        warn!(
                            event = "unknown_chains",
                            chains, "ignoring requests for chains that the network lacks"
                        );
                    }
                }
                let totals = self.plan.add(Instant::now(), &counts);
                let is_accepted = totals.is_ok();
                if is_accepted && !counts.is_empty() {
                    info!(
                        event = "blocks_requested",
                        blocks = list_counts(&counts),
                        "blocks requested"
                    );
                }
                let waiting = totals.map(|totals| self.waiters.push((totals, outcome)));
                reply.send(waiting).ok();
                return is_accepted;
            }
            Request::Outstanding(reply) => reply.send(self.plan.outstanding()).ok(),
            Request::Cancel(reply) => {
                let blocks = list_counts(&self.plan.cancel());
                if !blocks.is_empty() {
                    info!(
                        event = "requests_cancelled",
                        blocks, "requested blocks cancelled"
                    );
                }
                reply.send(()).ok()
            }
        };
        false
    }

    fn update_view(&mut self) {
        let Some(view) = self.handle.view.borrow_and_update().clone() else {
            return;
        };
        let was_busy = !self.plan.outstanding().is_empty();
        let chains = list(self.plan.update_view(view));
        if !chains.is_empty() {
            warn!(
                event = "requests_cancelled",
                chains, "requests for unknown chains cancelled"
            );
        } else if was_busy && self.plan.outstanding().is_empty() {
            info!(
                event = "requests_done",
                "all requested blocks are in the cut"
            );
        }
    }
}

/// Returns the counts as text, such as `0:2, 5:1`.
fn list_counts(counts: &Counts) -> String {
    list(
        counts
            .iter()
            .map(|(chain, count)| format!("{chain}:{count}")),
    )
}
