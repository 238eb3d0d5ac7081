//! All nodes of a network, and the cuts on their way between them.
//!
//! Each node is a state machine of its own, which runs on its own clock. A node that extends its
//! cut sends it to the others, which receive it after a delay. They fetch the missing blocks from
//! the sender, at once, and keep the heavier cut. All times here are those of this machine.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chainweb::{BlockHeader, ChainId, CreationTime};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::config::{Config, Payloads};
use crate::link::Link;
use crate::network::{Network, Timers, Update, genesis_blocks, weight_of};
use crate::report::{OwnBlock, Report, Tally};

/// Separates the delays from the choices of nodes and foreign miners. ASCII "delays".
const STREAM: u64 = 0x6465_6c61_7973_0000;

#[derive(Debug)]
struct Member {
    network: Network,
    clock_offset_micros: i64,
    /// Mean delay of cuts on their way to the node.
    delay: Duration,
    link: Link,
}

/// A cut on its way from one node to another.
#[derive(Debug)]
struct Message {
    from: usize,
    to: usize,
    cut: Arc<[Arc<BlockHeader>]>,
}

#[derive(Debug)]
pub(crate) struct Nodes {
    members: Vec<Member>,
    messages: Timers<Message>,
    payloads: Payloads,
    rng: StdRng,
}

impl Member {
    fn local(&self, time: CreationTime) -> CreationTime {
        shifted(time, self.clock_offset_micros)
    }

    fn next_due(&self) -> Option<CreationTime> {
        let due = self.network.next_due()?;
        Some(shifted(due, self.clock_offset_micros.saturating_neg()))
    }
}

fn shifted(time: CreationTime, micros: i64) -> CreationTime {
    CreationTime::from_micros(time.as_micros().saturating_add(micros))
}

impl Nodes {
    pub(crate) fn new(config: &Config, now: CreationTime) -> Self {
        let offsets = (0..config.nodes).map(|index| config.clock_offset_of(index));
        // Not in the future of any node: it could not mine until then.
        let slowest = offsets.clone().min().unwrap_or_default();
        let genesis = genesis_blocks(config, shifted(now, slowest));
        let members = offsets.enumerate().map(|(index, clock_offset_micros)| {
            let start = shifted(now, clock_offset_micros);
            Member {
                network: Network::of_node(config.clone(), index, &genesis, start),
                clock_offset_micros,
                delay: config.propagation_delay_to(index),
                link: Link::Connected,
            }
        });
        Self {
            members: members.collect(),
            messages: Timers::default(),
            payloads: config.payloads,
            rng: StdRng::seed_from_u64(config.seed ^ STREAM),
        }
    }

    /// Returns the time of the next timer or arrival, if any.
    pub(crate) fn next_due(&self) -> Option<CreationTime> {
        let timers = self.members.iter().filter_map(Member::next_due);
        timers.chain(self.messages.next_due()).min()
    }

    /// Fires all timers and delivers all cuts up to `now`, in order.
    pub(crate) fn advance(&mut self, now: CreationTime) {
        while let Some(due) = self.next_due().filter(|due| *due <= now) {
            for index in 0..self.members.len() {
                if self.members[index].next_due() == Some(due) {
                    self.with(index, due, Network::advance);
                }
            }
            while let Some((_, message)) = self.messages.pop_due(due) {
                self.deliver(message, due);
            }
        }
    }

    /// Reads or changes a node, at its own time.
    pub(crate) fn with<T>(
        &mut self,
        index: usize,
        now: CreationTime,
        access: impl FnOnce(&mut Network, CreationTime) -> T,
    ) -> T {
        let member = &mut self.members[index];
        let local = member.local(now);
        let result = access(&mut member.network, local);
        if member.network.take_extended() {
            self.announce(index, now);
        }
        let touched = self.members[index].network.take_touched();
        if self.payloads == Payloads::Same {
            for chain in touched {
                self.share_refreshes(chain, index, now);
            }
        }
        result
    }

    pub(crate) fn link(&self, index: usize) -> Link {
        self.members[index].link
    }

    /// Connects or disconnects a node, and returns its former link.
    pub(crate) fn set_link(&mut self, index: usize, link: Link, now: CreationTime) -> Link {
        let former = std::mem::replace(&mut self.members[index].link, link);
        self.members[index].network.frozen = link == Link::Frozen;
        if link == Link::Connected && former != link {
            self.announce(index, now);
            for from in (0..self.members.len()).filter(|from| *from != index) {
                let cut = self.members[from].network.cut_blocks();
                self.send(from, index, cut, now);
            }
        }
        former
    }

    /// Returns and removes the updates since the last call, in the order of each node.
    pub(crate) fn take_events(&mut self) -> Vec<(usize, ChainId, Update)> {
        let mut events = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            let of_node = member.network.take_events().into_iter();
            events.extend(of_node.map(|(chain, update)| (index, chain, update)));
        }
        events
    }

    /// Returns the outcomes at all nodes. The cut is the heaviest one.
    pub(crate) fn report(&self) -> Report {
        let networks = self.members.iter().map(|member| &member.network);
        let by_weight = |(index, network): &(usize, &Network)| {
            (weight_of(&network.cut_blocks()), Reverse(*index))
        };
        let heaviest = networks.clone().enumerate().max_by_key(by_weight);
        let (_, heaviest) = heaviest.expect("a network has a node");
        let mut seen = BTreeSet::new();
        let own = networks.clone().flat_map(Network::own_blocks);
        let mut own_in_cut: Vec<OwnBlock> = own
            .filter(|block| heaviest.has_in_cut(block) && seen.insert(block.hash))
            .copied()
            .collect();
        if self.members.len() > 1 {
            own_in_cut.sort_by_key(|block| block.height);
        }
        let tallies = networks.map(Network::tally);
        Report {
            tally: tallies.reduce(Tally::plus).unwrap_or_default(),
            own_in_cut,
        }
    }

    /// Sends the cut of a node to all others.
    fn announce(&mut self, from: usize, now: CreationTime) {
        if self.members.len() == 1 {
            return;
        }
        let cut = self.members[from].network.cut_blocks();
        for to in (0..self.members.len()).filter(|to| *to != from) {
            self.send(from, to, Arc::clone(&cut), now);
        }
    }

    fn send(&mut self, from: usize, to: usize, cut: Arc<[Arc<BlockHeader>]>, now: CreationTime) {
        if self.are_connected(from, to) {
            let jitter = self.rng.random_range(0.5..=1.5);
            let due = now.saturating_add(self.members[to].delay.mul_f64(jitter));
            self.messages.set(due, Message { from, to, cut });
        }
    }

    fn are_connected(&self, one: usize, other: usize) -> bool {
        [one, other]
            .iter()
            .all(|index| self.members[*index].link == Link::Connected)
    }

    fn deliver(&mut self, message: Message, now: CreationTime) {
        if !self.are_connected(message.from, message.to) {
            return;
        }
        let (from, to) = (&self.members[message.from], &self.members[message.to]);
        let missing = from.network.missing_at(&to.network, &message.cut);
        let newest = missing.iter().map(|block| block.work().creation_time());
        let ahead = newest.max().map_or(Duration::ZERO, |newest| {
            newest.saturating_since(to.local(now))
        });
        if ahead > Duration::ZERO {
            // A node takes no block from the future of its clock
            // (`Chainweb/BlockHeader/Validation.hs`).
            self.messages.set(now.saturating_add(ahead), message);
            return;
        }
        self.with(message.to, now, |network, now| {
            network.join(&message.cut, &missing, now);
        });
    }

    /// Gives all nodes on the same block of `chain` the same number of payload refreshes: the same
    /// transactions reach all of them.
    fn share_refreshes(&mut self, chain: ChainId, index: usize, now: CreationTime) {
        let (tip, _) = self.members[index].network.refreshes(chain);
        let of_all = self
            .members
            .iter()
            .map(|member| member.network.refreshes(chain));
        let on_tip = of_all.filter(|(other, _)| *other == tip);
        let most = on_tip.map(|(_, refreshes)| refreshes).max().unwrap_or(0);
        for member in &mut self.members {
            let (other, refreshes) = member.network.refreshes(chain);
            if other == tip && refreshes < most {
                let local = member.local(now);
                member.network.refresh_to(chain, most, local);
            }
        }
    }
}

#[cfg(test)]
mod tests;
