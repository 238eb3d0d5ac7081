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
    /// Work on certain chains only, and the cut.
    Chains {
        /// The chains that requests name. The set is empty while no chain in need of a block can be
        /// extended; the next cut may change this.
        named: BTreeSet<ChainId>,
        /// All chains on which work is of use. A node may ignore the chain that a request names.
        usable: BTreeSet<ChainId>,
    },
}

impl Demand {
    /// Whether work on the chain is wanted.
    pub(crate) fn admits(&self, chain: ChainId) -> bool {
        match self {
            Self::Any => true,
            Self::Nothing => false,
            Self::Chains { usable, .. } => usable.contains(&chain),
        }
    }

    /// The demand for work on these chains and no others.
    #[cfg(test)]
    pub(crate) fn chains(chains: impl IntoIterator<Item = ChainId>) -> Self {
        let named: BTreeSet<_> = chains.into_iter().collect();
        let usable = named.clone();
        Self::Chains { named, usable }
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

/// The heights of the chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heights {
    /// What they are read from.
    pub source: Source,
    /// The height of each chain; from work, only of some.
    pub of: BTreeMap<ChainId, u64>,
}

/// What heights are read from, and when that was requested. It includes what happened before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A cut.
    Cut(Instant),
    /// The headers of work, if the node does not serve its cut. Chains without work of their own
    /// are missing: their heights are lower bounds.
    Work(BTreeMap<ChainId, Instant>),
}

impl Heights {
    /// Returns when the height of a chain was requested, if it is exact.
    pub(crate) fn requested(&self, chain: ChainId) -> Option<Instant> {
        match &self.source {
            Source::Cut(requested) => Some(*requested),
            Source::Work(requested) => requested.get(&chain).copied(),
        }
    }
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
