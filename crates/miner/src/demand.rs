//! What a worker wants the coordinator to fetch, and what it is told of the network in return.
//!
//! A worker that takes any work has nothing to say here. One that needs blocks on certain chains says on which, anew
//! whenever that changes, and sees the heights of all chains as long as it wants some. Neither side waits for the other:
//! both are values of which the newest counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainGraph, ChainId};
use node::Version;
use tokio::sync::watch;

/// What a worker wants the coordinator to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Work on any chain.
    #[default]
    Any,
    /// No work: the node is not asked for any.
    Nothing,
    /// Work on these chains and no others, and the cut. Empty while no chain that needs a block can be extended: then
    /// the cut alone, which shows when one can.
    Chains(BTreeSet<ChainId>),
}

impl Demand {
    /// Whether work on the chain is wanted.
    pub(crate) fn admits(&self, chain: ChainId) -> bool {
        match self {
            Self::Any => true,
            Self::Nothing => false,
            Self::Chains(chains) => chains.contains(&chain),
        }
    }
}

/// The network as a node has told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The network.
    pub version: Version,
    /// How its chains are braided. Of a node that does not say it is supposed that each chain is beside all others,
    /// which forbids nothing that is allowed and demands more than is needed.
    pub graph: ChainGraph,
    /// How high they are; `None` until the node has told it.
    pub heights: Option<Heights>,
}

/// How high the chains of a network are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heights {
    /// When the node was asked: what happened before is in them.
    pub asked: Instant,
    /// By chain.
    pub of: BTreeMap<ChainId, u64>,
}

/// A worker's end of the conversation.
#[derive(Debug)]
pub(crate) struct Wants {
    pub(crate) demand: watch::Sender<Demand>,
    pub(crate) view: watch::Receiver<Option<Arc<View>>>,
}

/// The coordinator's end of it.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) demand: watch::Receiver<Demand>,
    pub(crate) view: Arc<watch::Sender<Option<Arc<View>>>>,
}

impl Wanted {
    /// Whether the worker has said something that was not read yet. One that has ended says nothing more.
    pub(crate) fn is_new(&self) -> bool {
        self.demand.has_changed().unwrap_or(false)
    }
}

/// Both ends of a conversation that begins with this demand.
pub(crate) fn conversation(first: Demand) -> (Wants, Wanted) {
    let (demand, demanded) = watch::channel(first);
    let (shown, view) = watch::channel(None);
    let wanted = Wanted {
        demand: demanded,
        view: Arc::new(shown),
    };
    (Wants { demand, view }, wanted)
}
