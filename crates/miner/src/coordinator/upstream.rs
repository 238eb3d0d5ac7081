//! One node as the coordinator sees it.

use std::time::Instant;

use node::{Error, NoAnswer, Retry};

use super::chains::Chains;
use super::gate::Gate;
use super::unsolved::Unsolved;
use super::{Identity, Ticket};
use crate::job::Job;

/// A node: what it serves, and which requests to it are on the way or have to wait.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) doubt: Doubt,
    pub(super) identity: Option<Identity>,
    /// When the identity was learnt. Answers to earlier requests and events of earlier subscriptions do not count.
    pub(super) since: Ticket,
    /// When the streams were subscribed to that are listened to.
    pub(super) subscription: Ticket,
    pub(super) chains: Chains,
    pub(super) info: Gate,
    pub(super) work: Gate,
    pub(super) cut: Gate,
    /// When the cut was asked for that comes next, or came last.
    pub(super) cut_asked: Option<Instant>,
    /// When something last happened that can have changed the cut.
    stirred: Ticket,
    pub(super) unsolved: Unsolved,
    pub(super) wants_work: bool,
    pub(super) wants_cut: bool,
}

/// What may have happened to a node since it was last asked for `/info`; it is asked again before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    None,
    /// It may serve another network.
    Network,
    /// It may have been restarted besides, and have forgotten the payloads of all work.
    Restart,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            doubt: Doubt::Network,
            identity: None,
            since: Ticket::default(),
            subscription: Ticket::default(),
            chains: Chains::default(),
            info: Gate::default(),
            work: Gate::default(),
            cut: Gate::default(),
            cut_asked: None,
            stirred: Ticket::default(),
            unsolved: Unsolved::default(),
            wants_work: false,
            wants_cut: false,
        }
    }
}

impl Upstream {
    /// The node serves this from now on.
    pub(super) fn begin(&mut self, ticket: Ticket, identity: Identity) {
        self.identity = Some(identity);
        self.since = ticket;
        self.subscription = ticket;
        self.chains = Chains::default();
        self.unsolved = Unsolved::default();
    }

    pub(super) fn suspect(&mut self, doubt: Doubt) {
        self.doubt = self.doubt.max(doubt);
        if doubt == Doubt::Restart {
            self.chains.doubt();
        }
    }

    /// What a failed request says about the node.
    pub(super) fn doubt_after(&mut self, error: &Error) {
        if let Error::NoAnswer(NoAnswer::Connect { .. } | NoAnswer::Broken { .. }) = error {
            self.suspect(Doubt::Restart);
        } else if error.retry() == Retry::AfterInfo {
            self.suspect(Doubt::Network);
        }
    }

    /// Something happened that can have changed the cut: the next look at it does not wait.
    pub(super) fn stirred(&mut self, ticket: Ticket) {
        self.stirred = ticket;
        self.cut.resume();
    }

    /// Whether a cut that was asked for at that moment can have changed since.
    pub(super) fn stirred_since(&self, ticket: Ticket) -> bool {
        self.stirred > ticket
    }

    /// Whether the node can be asked for work.
    pub(super) fn is_well(&self) -> bool {
        self.identity.is_some() && self.doubt == Doubt::None
    }

    /// Whether the job is of the network that the node serves now.
    pub(super) fn serves(&self, job: &Job) -> bool {
        Ticket::of(job) > self.since
    }

    /// When this node may be asked for something that is wanted.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        let gates = [
            (self.doubt != Doubt::None, &self.info),
            (self.wants_work, &self.work),
            (self.wants_cut, &self.cut),
        ];
        gates
            .into_iter()
            .filter_map(|(wanted, gate)| gate.wakeup().filter(|_| wanted))
            .chain(self.unsolved.wakeup())
    }
}
