//! What a worker wants the coordinator to fetch, and the state of the network as it is sent to the
//! worker.
//!
//! Most workers take any work. A worker in need of blocks on certain chains changes its [`Demand`]
//! as it goes, and gets a [`View`] for every change of the cut while it wants work. Both are
//! watched values: neither side waits, and only the newest value counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainGraph, ChainId};
use node::Version;
use tokio::sync::watch;

/// What a worker wants the coordinator to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Work on any chain.
    #[default]
    Any,
    /// No work: the node gets no request for any.
    Nothing,
    /// Work on these chains only, and the cut. The set is empty while no chain in need of a block
    /// can be extended; the next cut may change this.
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

/// The state of the network as a node describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// The name of the network.
    pub version: Version,
    /// The graph of its chains. If the node does not describe it, all chains are adjacent to each
    /// other, which demands more blocks than necessary and forbids none.
    pub graph: ChainGraph,
    /// The heights of the chains; `None` until the first cut.
    pub heights: Option<Heights>,
}

/// The heights of all chains in a cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heights {
    /// When the cut was requested. It includes what happened before.
    pub requested: Instant,
    /// The height of each chain.
    pub of: BTreeMap<ChainId, u64>,
}

/// The worker's end: sets the demand and watches the network.
#[derive(Debug)]
pub(crate) struct DemandHandle {
    pub(crate) demand: watch::Sender<Demand>,
    pub(crate) view: watch::Receiver<Option<Arc<View>>>,
}

/// The coordinator's end: watches the demand and sets the view.
#[derive(Clone, Debug)]
pub(crate) struct DemandWatch {
    pub(crate) demand: watch::Receiver<Demand>,
    pub(crate) view: Arc<watch::Sender<Option<Arc<View>>>>,
}

impl DemandWatch {
    /// Returns whether the demand has changed since it was last read; false once the worker has
    /// stopped.
    pub(crate) fn has_changed(&self) -> bool {
        self.demand.has_changed().unwrap_or(false)
    }
}

/// Returns both ends of a channel with this first demand.
pub(crate) fn channel(first: Demand) -> (DemandHandle, DemandWatch) {
    let (demand, demand_watch) = watch::channel(first);
    let (view_sender, view) = watch::channel(None);
    let watch = DemandWatch {
        demand: demand_watch,
        view: Arc::new(view_sender),
    };
    (DemandHandle { demand, view }, watch)
}
