//! The update streams of one node, by chain.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use chainweb::{ChainId, WorkHeader};

use super::event::Seq;
use super::freshness::{Freshness, Refresh, adjacents};
use super::stream::Stream;
use super::tip::Tip;
use crate::timing::Timing;

/// The number of tip changes kept for chains without a stream, known from cuts only.
const UNWATCHED_CHANGES: usize = 256;
/// The highest number of streams to a node, several times that of the largest network. Jobs on
/// further chains are mined unwatched.
const MAX_STREAMS: usize = 512;

/// The update streams of one node.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_chain: BTreeMap<ChainId, Stream>,
    /// The latest tip changes of chains without a stream, and the latest dropped one.
    unwatched: VecDeque<(ChainId, Seq)>,
    dropped: Seq,
}

impl Streams {
    /// Adds a stream. Returns whether it has to be opened: not if the chain has one or there are
    /// too many.
    pub(super) fn add(&mut self, chain: ChainId) -> bool {
        let is_new = self.by_chain.len() < MAX_STREAMS && !self.by_chain.contains_key(&chain);
        if is_new {
            let tip_changed = self.last_tip_change(chain);
            self.by_chain.entry(chain).or_default().tip_changed = tip_changed;
        }
        is_new
    }

    /// The stream is opened under the number of this subscription.
    pub(super) fn subscribed(&mut self, chain: ChainId, subscription: Seq) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.subscription = subscription;
            stream.closed();
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

    /// Returns the number of open streams.
    pub(super) fn open(&self) -> usize {
        let streams = self.by_chain.values();
        streams.filter(|stream| stream.opened.is_some()).count()
    }

    /// Returns the sum of the heights of all chains, as answers showed them. `None` if that of a
    /// chain is unknown.
    pub(super) fn cut_height(&self) -> Option<u64> {
        let shown = self.by_chain.values().map(|stream| stream.shown);
        let heights = shown.map(|shown| Some(shown?.height.saturating_sub(1)));
        let sum: Option<u64> = heights.sum();
        sum.filter(|_| !self.by_chain.is_empty())
    }

    /// Returns the tip of a chain, and whether its stream is open and reports.
    pub(super) fn tip(&self, chain: ChainId) -> Option<(Tip, bool)> {
        let stream = self.by_chain.get(&chain)?;
        let is_watched = stream.opened.is_some() && !stream.is_silent();
        Some((stream.tip, is_watched))
    }

    /// Whether all streams are open.
    pub(super) fn are_all_open(&self) -> bool {
        let mut streams = self.by_chain.values();
        streams.all(|stream| stream.opened.is_some())
    }

    pub(super) fn get_mut(&mut self, chain: ChainId) -> Option<&mut Stream> {
        self.by_chain.get_mut(&chain)
    }

    pub(super) fn opened(&mut self, now: Instant, chain: ChainId, seq: Seq) {
        if let Some(stream) = self.by_chain.get_mut(&chain) {
            stream.opened(now, seq);
        }
    }

    /// The stream closed. Returns whether it was the last open one.
    pub(super) fn closed(&mut self, chain: ChainId) -> bool {
        let stream = self.by_chain.get_mut(&chain);
        let was_open = stream.is_some_and(Stream::closed);
        was_open && !self.is_any_open()
    }

    /// Whether any stream missed a change and has reported nothing since.
    pub(super) fn is_any_silent(&self) -> bool {
        self.by_chain.values().any(Stream::is_silent)
    }

    /// The network was reset: the heights of all chains are unknown.
    pub(super) fn reset(&mut self) {
        for stream in self.by_chain.values_mut() {
            (stream.shown, stream.tip) = (None, Tip::default());
        }
    }

    /// When the first stream counts as silent if it reports nothing.
    pub(super) fn missed(&self) -> Option<Instant> {
        let streams = self.by_chain.values();
        streams.filter_map(|stream| stream.missed).min()
    }

    /// Returns the last event of a chain's open stream, or when it opened.
    pub(super) fn last_event(&self, chain: ChainId) -> Option<Instant> {
        self.by_chain.get(&chain)?.event_at
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
            let is_missed = stream.missed.is_some_and(|at| at <= now);
            if is_missed || are_all_silent && stream.opened.is_some() {
                silent.push((*chain, stream.event_at));
                stream.silence(now, timing);
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
            stream.new_cut(now, seq);
        }
        self.tip_changed(chain, seq);
    }

    /// Whether the reports of the chain's stream are no evidence of new tips.
    pub(super) fn is_flooded(&self, chain: ChainId) -> bool {
        self.by_chain.get(&chain).is_some_and(Stream::is_flooded)
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

    /// Whether the chain's stream reported everything since `seq`.
    pub(super) fn is_watched_since(&self, chain: ChainId, seq: Seq) -> bool {
        let stream = self.by_chain.get(&chain);
        stream.is_some_and(|stream| stream.is_proven_since(seq))
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
