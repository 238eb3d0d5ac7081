//! What a block sets off: new tips, the states of a chain's work, and the updates that tell of them.
//!
//! A block of our own takes a chain's work from ready to already mined, to stale, to ready again; a foreign one from
//! ready to stale to ready. Each step is one `New Cut`, unless the stream has missed an intermediate one.

use chainweb::{BlockHeader, ChainId, CreationTime};
use rand::RngExt as _;

use super::timers::Timer;
use super::{Event, Network, OWN_BLOCKS_KEPT, Priming, Update};
use crate::report::OwnBlock;

impl Network {
    /// Puts a block on the tip of its chain.
    pub(super) fn extend(
        &mut self,
        block: BlockHeader,
        account: Option<String>,
        now: CreationTime,
    ) {
        let own = OwnBlock {
            chain: block.work().chain(),
            height: block.work().height(),
            hash: block.hash(),
        };
        self.slot_mut(own.chain).chain.push(block);
        if account.is_some() {
            self.tally.accepted += 1;
            self.own_blocks.push_back(own);
            if self.own_blocks.len() > OWN_BLOCKS_KEPT {
                self.own_blocks.pop_front();
            }
        } else {
            self.tally.foreign_blocks += 1;
        }
        self.moved(own.chain, account, now);
    }

    /// A chain has a new tip: its work changes, everybody hears of it, foreign miners on it choose anew.
    pub(super) fn moved(&mut self, chain: ChainId, account: Option<String>, now: CreationTime) {
        let first = match account {
            Some(_) => Priming::AlreadyMined,
            None => Priming::Stale,
        };
        let slot = self.slot_mut(chain);
        slot.generation += 1;
        slot.refreshes = 0;
        let (height, hash) = (slot.chain.height(), slot.chain.tip().hash());
        self.events.push(Event::Block {
            chain,
            height,
            hash,
            account,
        });
        self.prime(chain, first, now);
        if self.foreign.chain() == Some(chain) {
            self.aim_foreign_miners(now);
        }
    }

    /// Changes the state of a chain's work and sets the timer of the next change.
    pub(super) fn prime(&mut self, chain: ChainId, to: Priming, now: CreationTime) {
        // Streams compare states when they get to it: an intermediate one may pass unseen.
        let seen = to == Priming::Ready || self.rng.random_bool(0.75);
        if seen {
            self.events.push(Event::Update(chain, Update::NewCut));
        }
        let slot = self.slot_mut(chain);
        slot.priming = to;
        let generation = slot.generation;
        let next = match to {
            Priming::AlreadyMined => Priming::Stale,
            Priming::Stale => Priming::Ready,
            Priming::Ready => return self.set_refresh_timer(chain, now),
        };
        let due = now.saturating_add(self.config.scaled(self.config.limits.priming));
        let timer = Timer::Prime {
            chain,
            generation,
            to: next,
        };
        self.timers.set(due, timer);
    }

    /// No work for a chain until a foreign block comes: the node takes a solution for the next block, and then finds
    /// it invalid.
    pub(super) fn stall(&mut self, chain: ChainId) {
        let slot = self.slot_mut(chain);
        slot.priming = Priming::AlreadyMined;
        slot.generation += 1;
        self.events.push(Event::Update(chain, Update::NewCut));
    }

    pub(super) fn renew_payload(&mut self, chain: ChainId) {
        let slot = self.slot_mut(chain);
        if slot.priming == Priming::Ready {
            slot.refreshes += 1;
            self.events
                .push(Event::Update(chain, Update::RefreshedBlock));
        }
    }

    pub(super) fn set_prune_timer(&mut self, now: CreationTime) {
        let pruning = self.config.scaled(self.config.limits.payload_pruning);
        self.timers.set(now.saturating_add(pruning), Timer::Prune);
    }

    pub(super) fn set_refresh_timers(&mut self, now: CreationTime) {
        for chain in self.slots.keys().copied().collect::<Vec<_>>() {
            self.set_refresh_timer(chain, now);
        }
    }

    pub(super) fn set_refresh_timer(&mut self, chain: ChainId, now: CreationTime) {
        if let Some(interval) = self.config.limits.payload_refresh {
            let generation = self.slots[&chain].generation;
            let due = now.saturating_add(self.config.scaled(interval));
            self.timers.set(due, Timer::Refresh { chain, generation });
        }
    }
}
