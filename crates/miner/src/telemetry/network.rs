//! The difficulty of each chain, from the targets of jobs.

use std::collections::BTreeMap;

use chainweb::{ChainId, Difficulty};
use node::Info;

use super::estimate::NetworkRates;
use super::event::{Event, JobEvent, NodeEvent};

/// The difficulty of the latest job of each chain, with its height. All nodes are of one network.
#[derive(Debug, Default)]
pub(super) struct NetworkWatch {
    info: Option<Info>,
    latest: BTreeMap<ChainId, (u64, Difficulty)>,
}

impl NetworkWatch {
    /// Notes what a node says of its network.
    pub(super) fn identified(&mut self, info: &Info) {
        let known = self.info.replace(info.clone());
        if known.is_some_and(|known| known.chains != info.chains) {
            self.latest.clear();
        }
    }

    /// Notes the difficulty of a job. Forgets all if the network is another one.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Job(job, JobEvent::Received { difficulty, .. }) => {
                let next = (job.height, *difficulty);
                let latest = self.latest.entry(job.chain).or_insert(next);
                if latest.0 <= job.height {
                    *latest = next;
                }
            }
            Event::Node(_, NodeEvent::NetworkChanged { .. } | NodeEvent::NetworkReset { .. }) => {
                self.latest.clear();
            }
            _ => {}
        }
    }

    /// Returns the rates as far as they are known; `None` if nothing is.
    pub(super) fn rates(&self) -> Option<NetworkRates> {
        let info = self.info.as_ref().filter(|_| !self.latest.is_empty())?;
        let latest = self.latest.iter();
        let each = latest.map(|(chain, (_, difficulty))| (*chain, *difficulty));
        let rates = NetworkRates::new(info.chains.len(), each, info.block_delay);
        Some(rates)
    }
}

#[cfg(test)]
mod tests;
