//! One node as the coordinator knows it.

use std::collections::BTreeMap;
use std::time::Instant;

use chainweb::ChainId;
use node::{Error, NoAnswer, Retry};

use super::event::Identity;
use super::gate::Gate;
use super::pow_policy::PowPolicy;
use super::seq::Seq;
use super::streams::Streams;
use crate::job::Job;
use crate::telemetry::event::RequestKind;

/// A chain more than this much lower than before was reset: reorganisations are not so deep.
pub(super) const RESET_DEPTH: u64 = 6;
/// The highest number of chains whose heights are kept.
const MAX_HEIGHTS: usize = 512;

/// A node: what it serves, and which requests to it are in flight or have to wait.
#[derive(Debug)]
pub(super) struct NodeState {
    /// What has to be checked by `/info` before anything else.
    pub(super) suspicion: Option<Suspicion>,
    pub(super) identity: Option<Identity>,
    /// When the network was identified. Answers to earlier requests do not count.
    pub(super) since: Seq,
    /// The number of the present subscription. Events of earlier streams do not count.
    pub(super) subscription: Seq,
    pub(super) streams: Streams,
    pub(super) info: Gate,
    pub(super) work: Gate,
    pub(super) cut: Gate,
    /// When the last request for the cut was made.
    pub(super) cut_requested: Option<Instant>,
    /// The last possible change of the cut.
    cut_changed: Seq,
    pub(super) pow: PowPolicy,
    pub(super) wants_work: bool,
    pub(super) wants_cut: bool,
    /// The greatest heights of the next blocks.
    heights: BTreeMap<ChainId, u64>,
}

/// What may have happened to a node since its last answer to `/info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suspicion {
    /// It serves another network.
    OtherNetwork,
    /// It was restarted, perhaps for another network, and discarded the payloads of all work.
    Restart,
}

/// A chain much lower than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) chain: ChainId,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Default for NodeState {
    fn default() -> Self {
        Self {
            suspicion: Some(Suspicion::OtherNetwork),
            identity: None,
            since: Seq::default(),
            subscription: Seq::default(),
            streams: Streams::default(),
            info: Gate::default(),
            work: Gate::default(),
            cut: Gate::default(),
            cut_requested: None,
            cut_changed: Seq::default(),
            pow: PowPolicy::default(),
            wants_work: false,
            wants_cut: false,
            heights: BTreeMap::new(),
        }
    }
}

impl NodeState {
    /// The node serves this network from now on.
    pub(super) fn begin(&mut self, seq: Seq, identity: Identity) {
        self.identity = Some(identity);
        self.since = seq;
        self.subscription = seq;
        self.streams = Streams::default();
        self.pow = PowPolicy::default();
        self.heights.clear();
    }

    pub(super) fn suspect(&mut self, suspicion: Suspicion) {
        self.suspicion = self.suspicion.max(Some(suspicion));
        if suspicion == Suspicion::Restart {
            self.streams.suspect();
        }
    }

    /// Draws the conclusions from a failed request.
    pub(super) fn suspect_after(&mut self, error: &Error) {
        if let Error::NoAnswer(NoAnswer::Connect { .. } | NoAnswer::Broken { .. }) = error {
            self.suspect(Suspicion::Restart);
        } else if error.retry() == Retry::AfterInfo {
            self.suspect(Suspicion::OtherNetwork);
        }
    }

    pub(super) fn gate(&mut self, request: RequestKind) -> &mut Gate {
        match request {
            RequestKind::Info => &mut self.info,
            RequestKind::Work => &mut self.work,
            RequestKind::Cut => &mut self.cut,
        }
    }

    /// The cut may have changed: the next request for it does not wait.
    pub(super) fn cut_changed(&mut self, seq: Seq) {
        self.cut_changed = seq;
        self.cut.release();
    }

    /// Whether a cut requested at `seq` may have changed since.
    pub(super) fn cut_changed_since(&self, seq: Seq) -> bool {
        self.cut_changed > seq
    }

    /// Records the height of a chain's next block. Returns a reset, once for all chains.
    pub(super) fn observe_height(&mut self, chain: ChainId, to: u64) -> Option<Reset> {
        if let Some(&from) = self.heights.get(&chain)
            && to.saturating_add(RESET_DEPTH) < from
        {
            self.heights.clear();
            self.heights.insert(chain, to);
            return Some(Reset { chain, from, to });
        }
        if self.heights.len() < MAX_HEIGHTS || self.heights.contains_key(&chain) {
            let height = self.heights.entry(chain).or_default();
            *height = to.max(*height);
        }
        None
    }

    /// Whether the node can be asked for work.
    pub(super) fn is_ready(&self) -> bool {
        self.identity.is_some() && self.suspicion.is_none()
    }

    /// Whether the job is of the node's present network.
    pub(super) fn serves(&self, job: &Job) -> bool {
        Seq::of(job) > self.since
    }

    /// When pauses end after which the node gets a request.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        let gates = [
            (self.suspicion.is_some(), &self.info),
            (self.wants_work, &self.work),
            (self.wants_cut, &self.cut),
        ];
        gates
            .into_iter()
            .filter_map(|(is_wanted, gate)| gate.wakeup().filter(|_| is_wanted))
            .chain(self.pow.wakeup())
    }
}
