//! The heights of the chains of a node that does not serve its cut, by headers of work and by
//! accepted submissions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chainweb::ChainId;

use crate::demand::{Heights, Source};

/// What is known of each chain.
#[derive(Debug, Default)]
pub(super) struct HeightsOfWork(BTreeMap<ChainId, Known>);

#[derive(Debug, Default)]
struct Known {
    height: u64,
    /// When the latest work on the chain was requested.
    requested: Option<Instant>,
    /// When the node accepted a block of ours at this height.
    accepted: Option<Instant>,
}

impl HeightsOfWork {
    /// Work on the chain extends this height. Returns whether this counts: work on the parent of a
    /// block that was accepted less than `settling` ago may be older than the block.
    pub(super) fn read(
        &mut self,
        now: Instant,
        settling: Duration,
        chain: ChainId,
        height: u64,
        requested: Option<Instant>,
    ) -> bool {
        let known = self.0.entry(chain).or_default();
        if known.accepted.is_some_and(|at| now < at + settling) && height < known.height {
            return false;
        }
        let accepted = known.accepted.filter(|_| height == known.height);
        *known = Known {
            height,
            requested: requested.max(known.requested),
            accepted,
        };
        true
    }

    /// The chain has at least this height: work on an adjacent chain refers to its block.
    pub(super) fn at_least(&mut self, chain: ChainId, height: u64) {
        let known = self.0.entry(chain).or_default();
        known.height = known.height.max(height);
    }

    /// The node accepted a block of ours.
    pub(super) fn accepted(&mut self, now: Instant, chain: ChainId, height: u64) {
        let known = self.0.entry(chain).or_default();
        if known.height < height {
            known.height = height;
            known.accepted = Some(now);
        }
    }

    pub(super) fn heights(&self) -> Heights {
        let requested = self.0.iter();
        let requested = requested.filter_map(|(chain, known)| Some((*chain, known.requested?)));
        Heights {
            source: Source::Work(requested.collect()),
            of: self
                .0
                .iter()
                .map(|(chain, known)| (*chain, known.height))
                .collect(),
        }
    }
}
