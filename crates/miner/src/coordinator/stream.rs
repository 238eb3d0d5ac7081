//! The update stream of one chain: what it reported, and whether it can be relied on.
//!
//! A stream proves itself by its events. Work and cuts show the height of its chain as well. If the
//! chain grows and the stream does not report it, the stream is silent until it reports an event.
//! If it reports far more new tips than there are blocks, it is flooded.

use std::time::{Duration, Instant};

use super::event::Seq;
use super::freshness::Refresh;
use super::tip::Tip;
use crate::timing::Timing;

/// A chain more than this much lower than before, and at most twice this high, was reset:
/// reorganisations are not so deep, and nodes behind one address may differ more far from genesis.
pub(super) const RESET_DEPTH: u64 = 6;
/// The most reports of a new tip for one block: a node sends up to three, and a few more on
/// networks with hashed adjacents.
const REPORTS_PER_BLOCK: u64 = 16;
/// The highest count of reports kept: what it takes to believe a flooded stream again.
const MAX_REPORTS: u64 = 8 * REPORTS_PER_BLOCK;

/// The height of a chain's next block, as an answer of the node showed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) requested: Seq,
    pub(super) requested_at: Instant,
    pub(super) height: u64,
}

/// The update stream of one chain.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The number of the present subscription. Events of earlier ones do not count.
    pub(super) subscription: Seq,
    pub(super) opened: Option<Seq>,
    /// The last event, or when the stream opened; `None` while it is closed.
    pub(super) event_at: Option<Instant>,
    /// Whether its connection may be dead without a sign of it.
    pub(super) is_suspect: bool,
    pub(super) tip_changed: Seq,
    /// The last report of a new tip.
    new_cut: Option<(Seq, Instant)>,
    /// The reports of new tips, less those that blocks explain.
    reports: u64,
    pub(super) refreshed: Option<Refresh>,
    pub(super) shown: Option<Shown>,
    pub(super) tip: Tip,
    /// When a change without an event counts as missed, and is acted on.
    pub(super) missed: Option<Instant>,
    /// When a silent stream was last opened again, and the shortest time until the next try.
    reopened: Option<(Instant, Duration)>,
}

impl Stream {
    pub(super) fn opened(&mut self, now: Instant, seq: Seq) {
        (self.opened, self.is_suspect) = (Some(seq), false);
        (self.event_at, self.missed) = (Some(now), None);
    }

    /// The stream closed. Returns whether it was open.
    pub(super) fn closed(&mut self) -> bool {
        (self.event_at, self.missed) = (None, None);
        self.opened.take().is_some()
    }

    /// The stream reported an event. If it was silent, it counts as opened just now. Returns
    /// whether it was.
    pub(super) fn delivered(&mut self, now: Instant, seq: Seq) -> bool {
        (self.event_at, self.missed) = (Some(now), None);
        let was_silent = self.reopened.take().is_some();
        if was_silent {
            self.opened = self.opened.map(|_| seq);
        }
        was_silent
    }

    /// Whether the stream missed a change and has reported nothing since.
    pub(super) fn is_silent(&self) -> bool {
        self.reopened.is_some()
    }

    /// The stream reported a new tip.
    pub(super) fn new_cut(&mut self, now: Instant, seq: Seq) {
        self.new_cut = Some((seq, now));
        self.reports = (self.reports + 1).min(MAX_REPORTS);
        if !self.is_flooded() {
            self.tip.reported(now);
        }
    }

    /// Whether the stream reports far more new tips than there are blocks: a report is no evidence
    /// then.
    pub(super) fn is_flooded(&self) -> bool {
        self.reports > REPORTS_PER_BLOCK
    }

    /// Whether the stream has been open since before `seq`: then it reported everything to outdate
    /// the answer to a request made at `seq`.
    pub(super) fn is_proven_since(&self, seq: Seq) -> bool {
        let is_proven = self.reopened.is_none() && !self.is_suspect;
        is_proven && self.opened.is_some_and(|opened| opened < seq)
    }

    /// An answer showed the height of the chain. Returns the height before if it is another one.
    /// The answer of a node that is behind the others changes nothing.
    ///
    /// Work requested soon after a new tip may still be older than the tip. It counts only if all
    /// streams are silent.
    pub(super) fn show(
        &mut self,
        now: Instant,
        timing: &Timing,
        are_all_silent: bool,
        shown: Shown,
    ) -> Option<u64> {
        let height = self.shown.map_or(0, |before| before.height);
        let grown = shown.height.saturating_sub(height);
        let lost = height.saturating_sub(shown.height);
        if (1..=RESET_DEPTH).contains(&lost) {
            return None;
        }
        if lost > 0 {
            self.reports = 0;
        } else if grown > 0 {
            let explained = REPORTS_PER_BLOCK.saturating_mul(grown);
            self.reports = self.reports.saturating_sub(explained) / 2;
        }
        self.tip
            .shown(now, shown.requested_at, shown.height.saturating_sub(1));
        let before = self.shown.replace(shown)?;
        let is_reported = self.new_cut.is_some_and(|(seq, at)| {
            let settled = at + timing.late_update;
            seq >= before.requested || !are_all_silent && settled > before.requested_at
        });
        let is_open = self.opened.is_some_and(|opened| opened < before.requested);
        if let Some(event_at) = self.event_at
            && grown > 0
            && !is_reported
            && is_open
        {
            let next = match self.reopened {
                Some((at, pause)) => at + pause,
                None => event_at + timing.silence_min,
            };
            let late = now + timing.late_update;
            self.missed.get_or_insert(late.max(next));
        }
        (grown + lost > 0).then_some(height)
    }

    /// The stream counts as silent, and has to be opened again.
    pub(super) fn silence(&mut self, now: Instant, timing: &Timing) {
        let pause = match self.reopened {
            Some((_, pause)) => (2 * pause).min(timing.reopen_max),
            None => timing.reopen_min,
        };
        self.reopened = Some((now, pause));
        self.closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows these heights in turn, and what is expected as the height before.
    #[track_caller]
    fn check(shown: &[(u64, Option<u64>)]) {
        let (now, mut stream) = (Instant::now(), Stream::default());
        for (seq, (height, before)) in (0..).zip(shown) {
            let shown = Shown {
                requested: Seq(seq),
                requested_at: now,
                height: *height,
            };
            let changed = stream.show(now, &Timing::default(), false, shown);
            assert_eq!(changed, *before, "at {height}");
        }
    }

    #[test]
    fn a_node_behind_the_others_does_not_take_back_a_height() {
        check(&[
            (9, None),
            (9, None),
            (10, Some(9)),
            (4, None),
            (11, Some(10)),
        ]);
        check(&[(9, None), (2, Some(9)), (3, Some(2))]);
    }

    #[test]
    fn the_greatest_height_is_one_like_others() {
        check(&[(u64::MAX, None), (u64::MAX, None), (0, Some(u64::MAX))]);
    }
}
