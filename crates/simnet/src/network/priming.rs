//! Effects of a block: the new tip, the state of its chain's work, and the updates.
//!
//! After a submitted block, the chain's work goes from ready to already mined, stale and ready;
//! after a foreign block, from ready to stale and ready. Each step sends one `New Cut`, unless the
//! stream misses an intermediate step (`Chainweb/Miner/RestAPI/Server.hs`, `updatesHandler`).

use std::sync::Arc;

use chainweb::{BlockHeader, ChainId, CreationTime};
use rand::RngExt as _;
use tracing::{debug, info};

use super::outcome::{Priming, Update};
use super::timers::Timer;
use super::{Network, OWN_BLOCKS_KEPT};
use crate::report::OwnBlock;

impl Network {
    /// Appends a block to its chain. `account` is `None` for a foreign block.
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
        self.slot_mut(own.chain).chain.push(Arc::new(block));
        if account.is_some() {
            self.tally.accepted += 1;
            self.own_blocks.push_back(own);
            if self.own_blocks.len() > OWN_BLOCKS_KEPT {
                self.own_blocks.pop_front();
            }
        } else {
            self.tally.foreign_blocks += 1;
        }
        self.extended = true;
        self.tip_changed(own.chain, account, now);
    }

    /// Handles a new tip: logs it, updates the chain's work, and restarts foreign miners
    /// on the chain.
    pub(super) fn tip_changed(
        &mut self,
        chain: ChainId,
        account: Option<String>,
        now: CreationTime,
    ) {
        let first = match &account {
            Some(_) => Priming::AlreadyMined,
            None => Priming::Stale,
        };
        let slot = self.slot_mut(chain);
        slot.generation += 1;
        slot.refreshes = 0;
        self.touched.push(chain);
        let slot = &self.slots[&chain];
        let (height, hash) = (slot.chain.height(), slot.chain.tip().hash());
        match account {
            Some(account) => {
                info!(event = "block_mined", %chain, height, %hash, account, "block mined");
            }
            None => debug!(%chain, height, %hash, "foreign block"),
        }
        self.prime(chain, first, now);
        if self.config.release.is_evm() {
            for adjacent in self.graph().adjacents(chain).to_vec() {
                self.announce(adjacent);
            }
        }
        if self.foreign.chain() == Some(chain) {
            self.restart_foreign_miners(now);
        }
    }

    /// Sets the state of a chain's work, and the timer of the next state.
    pub(super) fn prime(&mut self, chain: ChainId, to: Priming, now: CreationTime) {
        // A node's stream compares states when it wakes up: it can miss an intermediate one.
        if to == Priming::Ready {
            self.add_transactions(chain, now);
        }
        let is_noticed = to == Priming::Ready || self.rng.random_bool(0.75);
        let slot = self.slot_mut(chain);
        slot.priming = to;
        let generation = slot.generation;
        if self.config.release.is_evm() {
            match to {
                Priming::AlreadyMined => self.announce_solution(chain),
                Priming::Stale | Priming::Ready => self.announce(chain),
            }
        } else if is_noticed {
            self.events.push((chain, Update::NewCut));
        }
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

    /// Withholds a chain's work until the next foreign block: the node has accepted a solution and
    /// then found it invalid. Nodes of the EVM line roll the solution back.
    pub(super) fn stall(&mut self, chain: ChainId) {
        if self.config.release.is_evm() {
            self.announce_solution(chain);
            return self.announce_solution(chain);
        }
        let slot = self.slot_mut(chain);
        slot.priming = Priming::AlreadyMined;
        slot.generation += 1;
        self.events.push((chain, Update::NewCut));
    }

    /// Refreshes a chain's payload if its transactions have changed.
    pub(super) fn update_payload(&mut self, chain: ChainId, now: CreationTime) {
        if self.config.transactions_per_second.is_none() {
            self.refresh_payload(chain);
        } else if self.slots[&chain].priming == Priming::Ready && self.add_transactions(chain, now)
        {
            self.announce_payload(chain);
        }
    }

    /// Puts all waiting transactions into a chain's payload. Returns whether there are new ones.
    fn add_transactions(&mut self, chain: ChainId, now: CreationTime) -> bool {
        let Some(interval) = self.config.transaction_interval() else {
            return false;
        };
        let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        let chains = i64::try_from(self.slots.len()).expect("a graph has few chains");
        let shift = i64::from(chain.get()) * (interval / chains);
        let arrived = |time: CreationTime| (time.as_micros() + shift).div_euclid(interval);
        let slot = self.slot_mut(chain);
        // The parent has all that arrived before it.
        let before = arrived(slot.chain.tip().work().creation_time());
        let waiting = u64::try_from(arrived(now) - before).unwrap_or(0);
        let has_new = waiting > slot.refreshes;
        if has_new {
            slot.refreshes = waiting;
            self.touched.push(chain);
        }
        has_new
    }

    /// Refreshes a chain's payload, if the chain has work.
    pub(super) fn refresh_payload(&mut self, chain: ChainId) {
        let slot = self.slot_mut(chain);
        if slot.priming == Priming::Ready {
            slot.refreshes += 1;
            self.touched.push(chain);
            self.announce_payload(chain);
        }
    }

    fn announce_payload(&mut self, chain: ChainId) {
        if self.config.release.is_evm() {
            self.announce(chain);
        } else {
            self.events.push((chain, Update::RefreshedBlock));
        }
    }

    /// Refreshes a chain's payload until it has had this number of refreshes.
    pub(crate) fn refresh_to(&mut self, chain: ChainId, refreshes: u64, now: CreationTime) {
        let slot = self.slot_mut(chain);
        slot.refreshes = refreshes;
        if slot.priming == Priming::Ready {
            slot.generation += 1;
            self.announce_payload(chain);
            self.set_refresh_timer(chain, now);
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
