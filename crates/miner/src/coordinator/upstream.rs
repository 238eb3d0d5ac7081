//! One node as the coordinator sees it.

use std::time::Instant;

use node::{Error, NoAnswer, Retry};

use super::chains::Chains;
use super::gate::Gate;
use super::{Identity, Ticket};

/// A node: what it serves, and which requests to it are on the way or have to wait.
#[derive(Debug)]
pub(super) struct Upstream {
    /// Whether `/info` has to be asked before anything else: at first, and whenever the node may have been replaced.
    pub(super) needs_info: bool,
    pub(super) identity: Option<Identity>,
    /// When the identity was learnt. Answers to earlier requests and events of earlier subscriptions do not count.
    pub(super) since: Ticket,
    pub(super) chains: Chains,
    pub(super) info: Gate,
    pub(super) work: Gate,
    pub(super) cut: Gate,
    pub(super) wants_work: bool,
    pub(super) wants_cut: bool,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            needs_info: true,
            identity: None,
            since: Ticket::default(),
            chains: Chains::default(),
            info: Gate::default(),
            work: Gate::default(),
            cut: Gate::default(),
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
        self.chains = Chains::default();
    }

    /// Asks for `/info` again if the error may mean that the node was restarted or replaced.
    pub(super) fn doubt_after(&mut self, error: &Error) {
        let gone = matches!(
            error,
            Error::NoAnswer(NoAnswer::Connect { .. } | NoAnswer::Broken { .. })
        );
        self.needs_info |= gone || error.retry() == Retry::AfterInfo;
    }

    /// Whether the node can be asked for work.
    pub(super) fn is_well(&self) -> bool {
        self.identity.is_some() && !self.needs_info
    }

    /// When this node may be asked for something that is wanted.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        let info = if self.needs_info {
            self.info.wakeup()
        } else {
            None
        };
        let work = if self.wants_work {
            self.work.wakeup()
        } else {
            None
        };
        let cut = if self.wants_cut {
            self.cut.wakeup()
        } else {
            None
        };
        [info, work, cut].into_iter().flatten()
    }
}
