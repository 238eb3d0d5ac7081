//! Faults of a node that are known from its events only.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use node::Version;

use super::event::{BlockEvent, NodeEvent};
use super::standing::Standing;
use crate::job::Proof;

/// The time over which losses of a node are counted.
pub(crate) const LOSSES_WITHIN: Duration = Duration::from_mins(10);
/// The most losses that are counted.
const MAX_LOSSES: usize = 256;

/// Faults of a node that last, or when they happened last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Whether update streams are open, but silent.
    pub updates_silent: bool,
    /// Which blocks the node rejects, if it rejects all of the worker: those without proof of work,
    /// or with a verified one.
    pub rejects_all: Option<Proof>,
    /// Blocks in a row that came too late or were orphaned.
    pub late_blocks: u32,
    /// The last rejection of a block since one was accepted, and the node's answer.
    pub rejected: Option<(Instant, String)>,
    /// Whether submissions fail without a decision of the node.
    pub submission_failing: bool,
    /// When the node last did not know the payload of its own fresh work.
    pub payloads_unknown: Option<Instant>,
    /// The first network that it served, if that is another one.
    pub network_before: Option<Version>,
    /// Since when the node has its standing, where there are several nodes.
    pub standing_since: Option<Instant>,
    /// How often the node was lost: it was no longer ready, or did not answer any more.
    pub lost: u64,
    /// When it was last lost, oldest first.
    losses: VecDeque<Instant>,
}

impl Faults {
    /// Notes an event of the node.
    pub(super) fn note(&mut self, now: Instant, event: &NodeEvent) {
        match event {
            NodeEvent::UpdatesSilent { .. } => self.updates_silent = true,
            NodeEvent::UpdatesResumed { .. } => self.updates_silent = false,
            NodeEvent::PowRequired { .. } => self.rejects_all = Some(Proof::None),
            NodeEvent::ProofsRefused { .. } => self.rejects_all = Some(Proof::Verified),
            NodeEvent::PowNotRequired | NodeEvent::ProofsAccepted => self.rejects_all = None,
            NodeEvent::PayloadsUnknown { .. } => self.payloads_unknown = Some(now),
            NodeEvent::NetworkChanged { from, version, .. } => {
                let first = self.network_before.take();
                let first = first.unwrap_or_else(|| from.clone());
                *self = Self {
                    network_before: Some(first).filter(|first| first != version),
                    standing_since: self.standing_since,
                    lost: self.lost,
                    ..Self::default()
                };
            }
            NodeEvent::Standing { standing, before } => {
                self.standing_since = Some(now);
                if *before == Standing::Ready || *standing == Standing::Unreachable {
                    if self.losses.len() == MAX_LOSSES {
                        self.losses.pop_front();
                    }
                    self.losses.push_back(now);
                    self.lost += 1;
                }
            }
            _ => {}
        }
    }

    /// Returns how often the node was lost in the ten minutes before `now`.
    pub fn losses(&self, now: Instant) -> usize {
        let age = |at: &&Instant| now.saturating_duration_since(**at);
        let recent = self.losses.iter().rev();
        recent.take_while(|at| age(at) < LOSSES_WITHIN).count()
    }

    /// Notes an event of a block that is submitted to the node.
    pub(super) fn note_block(&mut self, now: Instant, event: &BlockEvent) {
        match event {
            BlockEvent::SubmissionFailed { .. } => self.submission_failing = true,
            BlockEvent::Submitted { .. }
            | BlockEvent::SubmissionUncertain { .. }
            | BlockEvent::Stale => self.submission_failing = false,
            BlockEvent::Rejected { error, .. } => {
                self.submission_failing = false;
                self.rejected = Some((now, error.clone()));
            }
            BlockEvent::Accepted => self.rejected = None,
            _ => {}
        }
    }
}
