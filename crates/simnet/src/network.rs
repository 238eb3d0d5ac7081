//! The network as one node sees it, as a pure state machine: chains, cut, work, solutions and the
//! foreign miners at this node.
//!
//! It has no socket and no clock: `now` is an argument and never decreases. Scheduled changes
//! (stale and ready work, refreshes, foreign blocks) wait in [`Timers`] until [`Network::advance`].
//! An accepted block changes the cut at once; a real node needs some milliseconds. The state of
//! work is kept per chain; a real node keeps it per chain and miner
//! (`Chainweb/Miner/Coordinator.hs`).

mod branch;
mod chain;
mod consensus;
mod evm;
mod foreign;
mod foreign_blocks;
mod fork;
mod forks;
mod genesis;
mod join;
mod outcome;
mod payload;
mod priming;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use branch::{Next, Page, UnknownBlock, Window};
pub(crate) use chain::Chain;
use chainweb::{
    Adjacents, AdjustmentRules, BlockHash, BlockHeader, ChainGraph, ChainId, CreationTime,
    PayloadHash, Work, WorkHeader,
};
use evm::{Announced, hashed};
use foreign::ForeignMiners;
pub(crate) use genesis::genesis_blocks;
pub(crate) use join::weight_of;
pub use outcome::MoveError;
use outcome::{Invalid, Priming};
pub(crate) use outcome::{Solved, Update, WorkAnswer};
use payload::Payload;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use timers::Timer;
pub(crate) use timers::Timers;

use crate::config::{ChainChoice, Config, Miner, Payloads, ProofOfWork};
#[cfg(test)]
use crate::report::Report;
use crate::report::{OwnBlock, Tally, Tip};

/// Number of submitted blocks kept for the report.
const OWN_BLOCKS_KEPT: usize = 100_000;

/// Heights per epoch of difficulty adjustment, the same on all networks.
const ADJUSTMENT_WINDOW: u64 = 120;

/// A chain and the state of its work.
#[derive(Debug)]
struct Slot {
    chain: Chain,
    priming: Priming,
    /// Incremented when the work changes other than by a timer; timers of older generations are
    /// void.
    generation: u64,
    /// Number of transactions in the payload on this parent, or of its refreshes if transactions
    /// have no rate.
    refreshes: u64,
    /// The state that the update streams of the EVM line have reported.
    announced: Announced,
}

#[derive(Debug)]
pub(crate) struct Network {
    config: Config,
    /// Place among the nodes.
    index: usize,
    rules: AdjustmentRules,
    version: String,
    slots: BTreeMap<ChainId, Slot>,
    /// The cached payloads of outstanding work.
    payloads: BTreeMap<PayloadHash, Payload>,
    timers: Timers,
    foreign: ForeignMiners,
    rng: StdRng,
    tally: Tally,
    own_blocks: VecDeque<OwnBlock>,
    events: Vec<(ChainId, Update)>,
    /// Whether the cut has new blocks that no other node sent.
    extended: bool,
    /// Chains with another tip or a refreshed payload.
    touched: Vec<ChainId>,
    /// Whether the cut stands.
    pub(crate) frozen: bool,
}

impl Network {
    #[cfg(test)]
    pub(crate) fn new(config: Config, now: CreationTime) -> Self {
        let genesis = genesis_blocks(&config, now);
        Self::of_node(config, 0, &genesis, now)
    }

    /// Returns the network in its first state, as the node `index` sees it.
    pub(crate) fn of_node(
        config: Config,
        index: usize,
        genesis: &[Arc<BlockHeader>],
        now: CreationTime,
    ) -> Self {
        let rules = AdjustmentRules {
            block_delay: config.block_delay,
            window: ADJUSTMENT_WINDOW,
            fake_first_epoch_start: config.fakes_first_epoch_start(),
        };
        let slots = genesis
            .iter()
            .map(|block| {
                let slot = Slot {
                    chain: Chain::new(Arc::clone(block), config.limits.kept_heights),
                    priming: Priming::Ready,
                    generation: 0,
                    refreshes: 0,
                    announced: Announced::default(),
                };
                (block.work().chain(), slot)
            })
            .collect();
        let seed = config.seed_of(index);
        let foreign_hash_rate = config.foreign_hash_rate_at(index);
        let mut network = Self {
            index,
            rules,
            version: config.version.clone(),
            slots,
            payloads: BTreeMap::new(),
            timers: Timers::default(),
            foreign: ForeignMiners::new(foreign_hash_rate, seed),
            rng: StdRng::seed_from_u64(seed),
            tally: Tally::default(),
            own_blocks: VecDeque::new(),
            events: Vec::new(),
            extended: false,
            touched: Vec::new(),
            frozen: false,
            config,
        };
        network.set_prune_timer(now);
        network.set_refresh_timers(now);
        network.restart_foreign_miners(now);
        if network.config.release.is_evm() {
            for block in genesis {
                network.announce(block.work().chain());
            }
            network.events.clear();
        }
        network
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn graph(&self) -> &ChainGraph {
        &self.config.graph
    }

    /// Returns the current `nodeVersion`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn chain(&self, chain: ChainId) -> Option<&Chain> {
        self.slots.get(&chain).map(|slot| &slot.chain)
    }

    pub(crate) fn is_ready(&self, chain: ChainId) -> bool {
        self.slots
            .get(&chain)
            .is_some_and(|slot| slot.priming == Priming::Ready)
    }

    pub(crate) fn tips(&self) -> BTreeMap<ChainId, Tip> {
        let tips = self.cut(None).map(|(chain, block)| {
            let (height, hash) = (block.work().height(), block.hash());
            (chain, Tip { height, hash })
        });
        tips.collect()
    }

    /// Returns the blocks of the cut. With `max_height`, every chain is limited to `max_height` /
    /// number of chains (`Chainweb/CutDB/RestAPI/Server.hs`).
    pub(crate) fn cut(
        &self,
        max_height: Option<u64>,
    ) -> impl Iterator<Item = (ChainId, &Arc<BlockHeader>)> {
        let max_height = max_height.map(|max| max / self.slots.len() as u64);
        self.slots.iter().map(move |(chain, slot)| {
            let block = match max_height {
                Some(max) => slot.chain.at_most(max),
                None => slot.chain.tip(),
            };
            (*chain, block)
        })
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Returns the last accepted blocks, oldest first.
    pub(crate) fn own_blocks(&self) -> impl Iterator<Item = &OwnBlock> {
        self.own_blocks.iter()
    }

    /// Whether a block is in the cut.
    pub(crate) fn has_in_cut(&self, block: &OwnBlock) -> bool {
        let at = self.slots[&block.chain].chain.at(block.height);
        at.is_some_and(|in_cut| in_cut.hash() == block.hash)
    }

    #[cfg(test)]
    pub(crate) fn report(&self) -> Report {
        let in_cut = self.own_blocks().filter(|block| self.has_in_cut(block));
        Report {
            tally: self.tally,
            own_in_cut: in_cut.copied().collect(),
        }
    }

    /// Whether the cut has new blocks of this node since the last call.
    pub(crate) fn take_extended(&mut self) -> bool {
        std::mem::take(&mut self.extended)
    }

    /// Returns and removes the chains whose tip or payload has changed since the last call.
    pub(crate) fn take_touched(&mut self) -> Vec<ChainId> {
        std::mem::take(&mut self.touched)
    }

    /// Returns the tip of a chain and the number of payload refreshes on it.
    pub(crate) fn refreshes(&self, chain: ChainId) -> (BlockHash, u64) {
        let slot = &self.slots[&chain];
        (slot.chain.tip().hash(), slot.refreshes)
    }

    /// Returns and removes the updates since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<(ChainId, Update)> {
        std::mem::take(&mut self.events)
    }

    /// Draws the lifetime of the next update stream.
    pub(crate) fn draw_stream_lifetime(&mut self) -> Duration {
        let timeout = self.config.limits.update_stream_timeout;
        self.config
            .scaled(timeout.mul_f64(self.rng.random_range(0.9..=1.1)))
    }

    /// Returns the time of the next timer, if any.
    pub(crate) fn next_due(&self) -> Option<CreationTime> {
        self.timers.next_due()
    }

    /// Fires all timers up to `now`, in order.
    pub(crate) fn advance(&mut self, now: CreationTime) {
        while let Some((due, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::Prime {
                    chain,
                    generation,
                    to,
                } if self.slots[&chain].generation == generation => self.prime(chain, to, due),
                Timer::Refresh { chain, generation }
                    if self.slots[&chain].generation == generation =>
                {
                    self.update_payload(chain, due);
                    self.set_refresh_timer(chain, due);
                }
                Timer::Prime { .. } | Timer::Refresh { .. } => {}
                Timer::Prune => {
                    let lifetime = self.config.scaled(self.config.limits.payload_lifetime);
                    self.payloads
                        .retain(|_, payload| due.saturating_since(payload.inserted) <= lifetime);
                    self.set_prune_timer(due);
                }
                Timer::ForeignBlock => self.find_foreign_block(due),
            }
        }
    }

    /// Returns work for a miner: on the wanted chain if it has work, else on a random chain
    /// (`Chainweb/Miner/Coordinator.hs`). The EVM line has no miners and no wanted chain.
    pub(crate) fn work(
        &mut self,
        miner: &Miner,
        wanted: Option<ChainId>,
        now: CreationTime,
    ) -> WorkAnswer {
        let is_evm = self.config.release.is_evm();
        if !is_evm && self.payloads.len() > self.config.limits.payloads {
            return WorkAnswer::TooManyPayloads;
        }
        if !is_evm && !self.config.miners.allows(miner) {
            return WorkAnswer::Unauthorized;
        }
        let has_work = |chain: &ChainId| self.is_ready(*chain) && self.is_mineable(*chain);
        let wanted = wanted.filter(|_| self.config.chain_choice == ChainChoice::Requested);
        let chain = match wanted.filter(has_work) {
            Some(chain) => chain,
            None => {
                let choice: Vec<_> = self.graph().chains().filter(has_work).collect();
                if choice.is_empty() {
                    return WorkAnswer::NotYet;
                }
                choice[self.rng.random_range(0..choice.len())]
            }
        };
        let slot = &self.slots[&chain];
        let parent = slot.chain.tip().hash();
        let seed = match self.config.payloads {
            Payloads::Same => self.config.seed,
            Payloads::Own => self.config.seed_of(self.index),
        };
        let payload = payload::payload_for(seed, parent, miner, slot.refreshes);
        let header = self.next_header(chain, payload, now);
        let header = header.expect("the chain was chosen because it can be extended");
        let cached = Payload {
            chain,
            parent,
            account: miner.account.clone(),
            inserted: now,
        };
        self.payloads.insert(payload, cached);
        self.tally.works += 1;
        let header = if is_evm { hashed(&header) } else { header };
        WorkAnswer::Work(
            Work::new(header).expect("difficulty adjustment never returns a zero target"),
        )
    }

    /// Handles a submission to `/solved`. As in the node, time and fields are checked only after
    /// the response is certain to be 200.
    pub(crate) fn solve(&mut self, body: &[u8], now: CreationTime) -> Solved {
        if self.config.release.is_evm() {
            return self.solve_rebuilt(body, now);
        }
        let header = match WorkHeader::decode(body) {
            Ok(header) if matches!(header.adjacents(), Adjacents::Recorded(_)) => header,
            Ok(_) => return self.malformed("the adjacent hashes are not recorded".to_owned()),
            Err(error) => return self.malformed(error.to_string()),
        };
        let Some(payload) = self.payloads.remove(&header.payload_hash()) else {
            self.tally.unknown_payload += 1;
            return Solved::UnknownPayload;
        };
        if self.config.proof_of_work == ProofOfWork::Required
            && !pow::verify(&header, &header.target())
        {
            self.tally.bad_pow += 1;
            return Solved::BadPow;
        }
        if !self.extends_cut(&header) {
            self.tally.stale += 1;
            return Solved::Stale;
        }
        let validated = self.validate(&header, &payload, now);
        self.settle(header.chain(), validated, payload.account, now)
    }

    /// Extends the cut with the block of a solution, if the solution is valid.
    fn settle(
        &mut self,
        chain: ChainId,
        validated: Result<BlockHeader, Invalid>,
        account: String,
        now: CreationTime,
    ) -> Solved {
        match validated {
            Ok(_) if self.frozen => {
                self.tally.frozen += 1;
                Solved::Frozen
            }
            Ok(block) => {
                let hash = block.hash();
                self.extend(block, Some(account), now);
                Solved::Accepted(hash)
            }
            Err(reason) => {
                self.tally.invalid += 1;
                self.stall(chain);
                Solved::Invalid(reason)
            }
        }
    }

    /// Refreshes a chain's payload. Has no effect while the chain has no work.
    pub(crate) fn refresh(&mut self, chain: ChainId) -> Result<(), MoveError> {
        if !self.slots.contains_key(&chain) {
            return Err(MoveError::UnknownChain(chain));
        }
        self.refresh_payload(chain);
        Ok(())
    }

    /// Restarts the node: cached payloads are lost, and stalled chains have work again.
    pub(crate) fn restart(&mut self, version: Option<String>, now: CreationTime) {
        self.version = version.unwrap_or_else(|| self.version.clone());
        self.payloads.clear();
        let other_transactions = self.config.nodes == 1 || self.config.payloads == Payloads::Own;
        for slot in self.slots.values_mut() {
            slot.priming = Priming::Ready;
            slot.generation += 1;
            slot.refreshes += u64::from(other_transactions);
        }
        self.set_refresh_timers(now);
    }

    fn slot_mut(&mut self, chain: ChainId) -> &mut Slot {
        self.slots.get_mut(&chain).expect("a chain of the graph")
    }

    fn malformed(&mut self, reason: String) -> Solved {
        self.tally.malformed += 1;
        Solved::Malformed(reason)
    }
}

#[cfg(test)]
mod tests;
