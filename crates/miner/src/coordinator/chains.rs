//! What the update streams of a node tell, by chain.
//!
//! Times are tickets: all that matters is whether a chain moved, or its stream was opened, before or after a request.

use std::collections::{BTreeMap, VecDeque};

use chainweb::ChainId;

use super::Ticket;
use super::preemption::Heard;

/// How many moves of chains that are not listened to are remembered: they show where jobs are compared with a cut only.
const UNWATCHED_MOVES: usize = 256;
/// How many chains of a node are listened to: several times those of the largest network. Work on any other is mined
/// without a stream.
const WATCHED: usize = 512;

/// The update streams of one node.
#[derive(Debug, Default)]
pub(super) struct Chains {
    streams: BTreeMap<ChainId, Stream>,
    /// The last moves of chains that are not listened to, and the last one that was forgotten.
    unwatched: VecDeque<(ChainId, Ticket)>,
    forgotten: Ticket,
}

#[derive(Debug, Default)]
struct Stream {
    opened: Option<Ticket>,
    /// Whether the stream may have died since, without a word.
    doubted: bool,
    moved: Ticket,
    refreshed: Option<Heard>,
}

impl Chains {
    /// Whether the chain is to be listened to from now on, and was not before.
    pub(super) fn watch(&mut self, chain: ChainId) -> bool {
        let new = self.streams.len() < WATCHED && !self.streams.contains_key(&chain);
        if new {
            let stream = Stream {
                moved: self.last_move(chain),
                ..Stream::default()
            };
            self.streams.insert(chain, stream);
        }
        new
    }

    pub(super) fn opened(&mut self, chain: ChainId, ticket: Ticket) {
        if let Some(stream) = self.streams.get_mut(&chain) {
            stream.opened = Some(ticket);
            stream.doubted = false;
        }
    }

    /// The node may have been restarted: a stream that was open may be a connection to nobody.
    pub(super) fn doubt(&mut self) {
        for stream in self.streams.values_mut() {
            stream.doubted = stream.opened.is_some();
        }
    }

    /// If a stream is in doubt, takes all for closed and gives the chains to listen to anew.
    pub(super) fn reopen(&mut self) -> Vec<ChainId> {
        let in_doubt = |stream: &Stream| stream.doubted && stream.opened.is_some();
        if !self.streams.values().any(in_doubt) {
            return Vec::new();
        }
        for stream in self.streams.values_mut() {
            stream.opened = None;
        }
        self.streams.keys().copied().collect()
    }

    /// The stream is closed; whether it was the last one that was open.
    pub(super) fn lost(&mut self, chain: ChainId) -> bool {
        let was_open = self
            .streams
            .get_mut(&chain)
            .is_some_and(|stream| stream.opened.take().is_some());
        was_open && self.streams.values().all(|stream| stream.opened.is_none())
    }

    /// Work on the chain that was asked for before the ticket was drawn is void.
    pub(super) fn moved(&mut self, chain: ChainId, ticket: Ticket) {
        if let Some(stream) = self.streams.get_mut(&chain) {
            stream.moved = stream.moved.max(ticket);
            return;
        }
        if self.unwatched.len() == UNWATCHED_MOVES
            && let Some((_, oldest)) = self.unwatched.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest);
        }
        self.unwatched.push_back((chain, ticket));
    }

    /// The payload of the chain's next block is newer from now on.
    pub(super) fn refreshed(&mut self, chain: ChainId, heard: Heard) {
        if let Some(stream) = self.streams.get_mut(&chain) {
            stream.refreshed = Some(heard);
        }
    }

    /// The newest payload told of, if the answer to a request with this ticket may lack it.
    pub(super) fn refreshed_since(&self, chain: ChainId, ticket: Ticket) -> Option<Heard> {
        let newest = self.streams.get(&chain)?.refreshed;
        newest.filter(|heard| heard.ticket > ticket)
    }

    fn last_move(&self, chain: ChainId) -> Ticket {
        if let Some(stream) = self.streams.get(&chain) {
            return stream.moved;
        }
        let moves = self.unwatched.iter().filter(|(moved, _)| *moved == chain);
        // One that was forgotten may have been this chain's.
        moves
            .map(|(_, ticket)| *ticket)
            .fold(self.forgotten, Ticket::max)
    }

    /// Whether the chain got another cut after the ticket was drawn.
    pub(super) fn moved_since(&self, chain: ChainId, ticket: Ticket) -> bool {
        self.last_move(chain) > ticket
    }

    /// Whether the chain may have changed unheard, or heard, since the ticket was drawn.
    pub(super) fn stirred_since(&self, chain: ChainId, ticket: Ticket) -> bool {
        self.streams.get(&chain).is_some_and(|stream| {
            stream.moved > ticket || stream.opened.is_some_and(|opened| opened > ticket)
        })
    }

    /// Whether the chain's stream has been open since before the ticket was drawn: then all that outdates the answer
    /// to a request with this ticket is told.
    pub(super) fn covers(&self, chain: ChainId, ticket: Ticket) -> bool {
        self.streams
            .get(&chain)
            .and_then(|stream| stream.opened)
            .is_some_and(|opened| opened < ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_of_chains_that_are_not_listened_to_are_known_as_well() {
        let mut chains = Chains::default();
        let [a, b] = [1, 2].map(ChainId::new);
        chains.moved(a, Ticket(10));
        assert!(chains.moved_since(a, Ticket(9)));
        assert!(!chains.moved_since(a, Ticket(10)));
        assert!(!chains.moved_since(b, Ticket(9)));
        assert!(chains.watch(a));
        assert!(chains.moved_since(a, Ticket(9)), "known from before");
    }

    #[test]
    fn a_move_that_is_forgotten_may_have_been_on_any_chain() {
        let mut chains = Chains::default();
        let [a, b, c] = [1, 2, 3].map(ChainId::new);
        chains.moved(a, Ticket(10));
        for ticket in 0..UNWATCHED_MOVES as u64 {
            chains.moved(b, Ticket(20 + ticket));
        }
        for chain in [a, c] {
            assert!(chains.moved_since(chain, Ticket(9)));
            assert!(!chains.moved_since(chain, Ticket(10)));
        }
    }
}
