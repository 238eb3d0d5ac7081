//! What the update streams of a node tell, by chain.
//!
//! Times are tickets: all that matters is whether a chain moved, or its stream was opened, before or after a request.

use std::collections::BTreeMap;

use chainweb::ChainId;

use super::Ticket;

/// How many chains of a node are listened to: several times those of the largest network. Work on any other is mined
/// without a stream.
const WATCHED: usize = 512;

/// The update streams of one node.
#[derive(Debug, Default)]
pub(super) struct Chains(BTreeMap<ChainId, Stream>);

#[derive(Debug, Default)]
struct Stream {
    opened: Option<Ticket>,
    moved: Ticket,
}

impl Chains {
    /// Whether the chain is to be listened to from now on, and was not before.
    pub(super) fn watch(&mut self, chain: ChainId) -> bool {
        let new = self.0.len() < WATCHED && !self.0.contains_key(&chain);
        if new {
            self.0.insert(chain, Stream::default());
        }
        new
    }

    pub(super) fn opened(&mut self, chain: ChainId, ticket: Ticket) {
        if let Some(stream) = self.0.get_mut(&chain) {
            stream.opened = Some(ticket);
        }
    }

    /// The stream is closed; whether it was the last one that was open.
    pub(super) fn lost(&mut self, chain: ChainId) -> bool {
        let was_open = self
            .0
            .get_mut(&chain)
            .is_some_and(|stream| stream.opened.take().is_some());
        was_open && self.0.values().all(|stream| stream.opened.is_none())
    }

    /// Work on the chain that was asked for before the ticket was drawn is void.
    pub(super) fn moved(&mut self, chain: ChainId, ticket: Ticket) {
        if let Some(stream) = self.0.get_mut(&chain) {
            stream.moved = stream.moved.max(ticket);
        }
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
