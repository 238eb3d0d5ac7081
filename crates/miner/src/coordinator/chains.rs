//! What the update streams of a node tell, by chain.

use std::collections::BTreeMap;

use chainweb::ChainId;

use super::Ticket;

/// The update streams of one node.
#[derive(Debug, Default)]
pub(super) struct Chains(BTreeMap<ChainId, Stream>);

#[derive(Debug, Default)]
struct Stream {
    opened: Option<Ticket>,
    moved: Ticket,
}

impl Chains {
    /// Whether the chain was not watched before.
    pub(super) fn watch(&mut self, chain: ChainId) -> bool {
        let new = !self.0.contains_key(&chain);
        self.0.entry(chain).or_default();
        new
    }

    pub(super) fn opened(&mut self, chain: ChainId, ticket: Ticket) {
        self.0.entry(chain).or_default().opened = Some(ticket);
    }

    pub(super) fn lost(&mut self, chain: ChainId) {
        self.0.entry(chain).or_default().opened = None;
    }

    pub(super) fn moved(&mut self, chain: ChainId, ticket: Ticket) {
        self.0.entry(chain).or_default().moved = ticket;
    }

    /// Whether the chain got another cut after the ticket was drawn.
    pub(super) fn moved_since(&self, chain: ChainId, ticket: Ticket) -> bool {
        self.0
            .get(&chain)
            .is_some_and(|stream| stream.moved > ticket)
    }

    /// Whether the chain's stream has been open since before the ticket was drawn: then all that outdates the answer
    /// to a request with this ticket is told.
    pub(super) fn covers(&self, chain: ChainId, ticket: Ticket) -> bool {
        self.0
            .get(&chain)
            .and_then(|stream| stream.opened)
            .is_some_and(|opened| opened < ticket)
    }
}
