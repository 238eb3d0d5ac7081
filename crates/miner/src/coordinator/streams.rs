//! The update streams of one node, by chain: which are open, and what they reported when.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use chainweb::{ChainId, WorkHeader};

use super::event::Seq;
use super::freshness::{Freshness, Refresh, adjacents};
use super::proof::{Proof, Shown};
use crate::timing::Timing;

/// The number of tip changes kept for chains without a stream, known from cuts only.
const UNWATCHED_CHANGES: usize = 256;
/// The highest number of streams to a node, several times that of the largest network. Jobs on
/// further chains are mined unwatched.
const MAX_STREAMS: usize = 512;
/// The most reports of a new tip for one block: a node sends up to three, and a few more on
/// networks with hashed adjacents.
const REPORTS_PER_BLOCK: u64 = 16;
/// The highest count of reports kept: what it takes to believe a flooded stream again.
const MAX_REPORTS: u64 = 8 * REPORTS_PER_BLOCK;

/// The update streams of one node.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_chain: BTreeMap<ChainId, Stream>,
    /// The latest tip changes of chains without a stream, and the latest dropped one.
    unwatched: VecDeque<(ChainId, Seq)>,
    dropped: Seq,
}

#[derive(Debug, Default)]
struct Stream {
    /// The number of the present subscription. Events of earlier ones do not count.
    subscription: Seq,
    opened: Option<Seq>,
    /// Whether its connection may be dead without a sign of it.
    is_suspect: bool,
    tip_changed: Seq,
    refreshed: Option<Refresh>,
    proof: Proof,
    /// The height of the next block when last seen in work or a cut, and the new tips reported
    /// since.
    height: u64,
    reports: u64,
}

impl Streams {
    /// Adds a stream. Returns whether it has to be opened: not if the chain has one or there are
    /// too many.
    pub(super) fn add(&mut self, chain: ChainId) -> bool {
        let is_new = self.by_chain.len() < MAX_STREAMS && !self.by_chain.contains_key(&chain);
        if is_new {
            let stream = Stream {
                tip_changed: self.last_tip_change(chain),
                ..Stream::default()
            };
            self.by_chain.insert(chain, stream);
        }
        is_new
    }

    /// The stream is opened under the number of this subscription.
    pub(super) fn subscribed(&mut self, chain: ChainId, subscription: Seq) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.subscription = subscription;
            stream.opened = None;
            stream.proof.closed();
        }
    }

    /// Whether an event is of the present subscription to the chain.
    pub(super) fn is_present(&self, chain: ChainId, subscription: Seq) -> bool {
        let stream = self.by_chain.get(&chain);
        stream.is_some_and(|stream| stream.subscription == subscription)
    }

    /// Whether any stream is open.
    pub(super) fn is_any_open(&self) -> bool {
        let mut streams = self.by_chain.values();
        streams.any(|stream| stream.opened.is_some())
    }

    /// Whether all streams are open.
    pub(super) fn are_all_open(&self) -> bool {
        let mut streams = self.by_chain.values();
        streams.all(|stream| stream.opened.is_some())
    }

    pub(super) fn opened(&mut self, now: Instant, chain: ChainId, seq: Seq) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.opened = Some(seq);
            stream.is_suspect = false;
            stream.proof.opened(now);
        }
    }

    /// The stream closed. Returns whether it was the last open one.
    pub(super) fn closed(&mut self, chain: ChainId) -> bool {
        let stream = self.by_chain.get_mut(&chain);
        let was_open = stream.is_some_and(|stream| {
            stream.proof.closed();
            stream.opened.take().is_some()
        });
        was_open && !self.is_any_open()
    }

    /// A stream reported an event. One that was silent counts as opened just now. Returns whether
    /// it was.
    pub(super) fn delivered(&mut self, now: Instant, chain: ChainId, seq: Seq) -> bool {
        let stream = self.by_chain.get_mut(&chain);
        stream.is_some_and(|stream| {
            let was_silent = stream.proof.delivered(now);
            if was_silent {
                stream.opened = stream.opened.map(|_| seq);
            }
            was_silent
        })
    }

    /// Whether any stream missed a change and has reported nothing since.
    pub(super) fn is_any_silent(&self) -> bool {
        self.by_chain
            .values()
            .any(|stream| stream.proof.is_silent())
    }

    /// An answer showed the height of a chain.
    pub(super) fn show(
        &mut self,
        chain: ChainId,
        now: Instant,
        timing: &Timing,
        are_all_silent: bool,
        shown: Shown,
    ) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            let opened = stream.opened;
            stream
                .proof
                .show(now, timing, opened, are_all_silent, shown);
        }
    }

    /// When the first stream counts as silent if it reports nothing.
    pub(super) fn missed(&self) -> Option<Instant> {
        let streams = self.by_chain.values();
        streams.filter_map(|stream| stream.proof.missed()).min()
    }

    /// Returns the last event of a chain's open stream, or when it opened.
    pub(super) fn last_event(&self, chain: ChainId) -> Option<Instant> {
        self.by_chain.get(&chain)?.proof.event_at()
    }

    /// Counts the streams that missed a change as silent, or all open ones, to be opened again.
    /// Returns them, each with its last event.
    pub(super) fn silence(
        &mut self,
        now: Instant,
        timing: &Timing,
        are_all_silent: bool,
    ) -> Vec<(ChainId, Option<Instant>)> {
        let mut silent = Vec::new();
        for (chain, stream) in &mut self.by_chain {
            let is_missed = stream.proof.missed().is_some_and(|at| at <= now);
            if is_missed || are_all_silent && stream.opened.is_some() {
                silent.push((*chain, stream.proof.event_at()));
                stream.proof.reopen(now, timing);
            }
        }
        silent
    }

    /// The node may have been restarted, which can leave dead connections with no sign of it.
    pub(super) fn suspect(&mut self) {
        for stream in self.by_chain.values_mut() {
            stream.is_suspect = stream.opened.is_some();
        }
    }

    /// Whether an open stream is suspect.
    pub(super) fn is_any_suspect(&self) -> bool {
        let mut streams = self.by_chain.values();
        streams.any(|stream| stream.is_suspect && stream.opened.is_some())
    }

    pub(super) fn chains(&self) -> Vec<ChainId> {
        self.by_chain.keys().copied().collect()
    }

    /// The chain's stream reported a new tip.
    pub(super) fn new_cut(&mut self, now: Instant, chain: ChainId, seq: Seq) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.proof.new_cut(now, seq);
            stream.reports = (stream.reports + 1).min(MAX_REPORTS);
        }
        self.tip_changed(chain, seq);
    }

    /// Whether the stream of the chain reports far more new tips than there are blocks: a report
    /// is no evidence then.
    pub(super) fn is_flooded(&self, chain: ChainId) -> bool {
        let stream = self.by_chain.get(&chain);
        stream.is_some_and(|stream| stream.reports > REPORTS_PER_BLOCK)
    }

    /// Work or a cut shows the height of the chain's next block. Returns whether it is higher than
    /// before.
    pub(super) fn seen(&mut self, chain: ChainId, height: u64) -> bool {
        let Some(stream) = self.by_chain.get_mut(&chain) else {
            return false;
        };
        let before = std::mem::replace(&mut stream.height, height);
        if height < before {
            stream.reports = 0;
        } else if height > before {
            let explained = REPORTS_PER_BLOCK.saturating_mul(height - before);
            stream.reports = stream.reports.saturating_sub(explained) / 2;
        }
        before > 0 && height > before
    }

    /// The chain has another tip since `seq`.
    pub(super) fn tip_changed(&mut self, chain: ChainId, seq: Seq) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.tip_changed = stream.tip_changed.max(seq);
            return;
        }
        if self.unwatched.len() == UNWATCHED_CHANGES
            && let Some((_, oldest)) = self.unwatched.pop_front()
        {
            self.dropped = self.dropped.max(oldest);
        }
        self.unwatched.push_back((chain, seq));
    }

    /// The payload of the chain's next block was refreshed.
    pub(super) fn refreshed(&mut self, chain: ChainId, refresh: Refresh) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.refreshed = Some(refresh);
        }
    }

    /// Returns the latest refresh of the chain if work requested at `requested` may not include it.
    pub(super) fn refreshed_since(&self, chain: ChainId, requested: Seq) -> Option<Refresh> {
        let latest = self.by_chain.get(&chain)?.refreshed;
        latest.filter(|refresh| refresh.seq > requested)
    }

    fn last_tip_change(&self, chain: ChainId) -> Seq {
        if let Some(stream) = self.by_chain.get(&chain) {
            return stream.tip_changed;
        }
        let changes = self.unwatched.iter();
        // A change that was dropped may have been on this chain.
        changes
            .filter(|(changed, _)| *changed == chain)
            .map(|(_, seq)| *seq)
            .fold(self.dropped, Seq::max)
    }

    /// Whether the chain's stream has been open since before `seq`: then it reported everything to
    /// outdate the answer to a request made at `seq`.
    pub(super) fn is_watched_since(&self, chain: ChainId, seq: Seq) -> bool {
        let stream = self.by_chain.get(&chain);
        let proven = stream.filter(|stream| !stream.proof.is_silent() && !stream.is_suspect);
        proven.is_some_and(|stream| stream.opened.is_some_and(|opened| opened < seq))
    }

    /// Whether the chain's tip may have changed after `seq`: its stream reported it, or was closed.
    fn may_have_changed_since(&self, chain: ChainId, seq: Seq) -> bool {
        let stream = self.by_chain.get(&chain);
        stream.is_some_and(|stream| stream.tip_changed > seq || stream.opened > Some(seq))
    }

    /// Returns how current work requested at `requested` is at `now`, judged by the streams.
    pub(super) fn freshness(&self, work: &WorkHeader, requested: Seq, now: Seq) -> Freshness {
        let chain = work.chain();
        let mut adjacents = adjacents(work);
        let is_reported = self.last_tip_change(chain) > requested;
        if is_reported && !self.is_flooded(chain) {
            Freshness::Outdated
        } else if !is_reported
            && self.is_watched_since(chain, requested)
            && !adjacents.any(|(chain, _)| self.may_have_changed_since(chain, requested))
        {
            Freshness::Current
        } else {
            Freshness::Unconfirmed { since: now }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(streams: &Streams, chain: ChainId, last_tip_change: u64) {
        assert_eq!(streams.last_tip_change(chain), Seq(last_tip_change));
    }

    #[test]
    fn tip_changes_of_chains_without_a_stream_are_known_as_well() {
        let mut streams = Streams::default();
        let [a, b] = [1, 2].map(ChainId::new);
        streams.tip_changed(a, Seq(10));
        check(&streams, a, 10);
        check(&streams, b, 0);
        assert!(streams.add(a));
        check(&streams, a, 10);
    }

    #[test]
    fn a_tip_change_that_was_dropped_may_have_been_on_any_chain() {
        let mut streams = Streams::default();
        let [a, b, c] = [1, 2, 3].map(ChainId::new);
        streams.tip_changed(a, Seq(10));
        for seq in 0..UNWATCHED_CHANGES as u64 {
            streams.tip_changed(b, Seq(20 + seq));
        }
        for chain in [a, c] {
            check(&streams, chain, 10);
        }
    }
}
