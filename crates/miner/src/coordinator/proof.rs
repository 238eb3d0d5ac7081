//! Whether the update stream of a chain can be relied on.
//!
//! A stream proves itself by its events. Work and cuts show the height of its chain as well: if the
//! chain grows and the stream does not report it, the stream is silent until it reports an event.

use std::time::{Duration, Instant};

use super::event::Seq;
use super::heights::RESET_DEPTH;
use crate::timing::Timing;

/// The height of a chain, as an answer of the node showed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) requested: Seq,
    pub(super) requested_at: Instant,
    pub(super) height: u64,
}

/// What is known of one stream's reliability.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// The last event, or when the stream opened; `None` while it is closed.
    event_at: Option<Instant>,
    /// The last report of a new tip.
    new_cut: Option<(Seq, Instant)>,
    shown: Option<Shown>,
    /// When a change without an event counts as missed.
    missed: Option<Instant>,
    /// When a silent stream was last opened again, and the shortest time until the next try.
    reopened: Option<(Instant, Duration)>,
}

impl Proof {
    pub(super) fn opened(&mut self, now: Instant) {
        (self.event_at, self.missed) = (Some(now), None);
    }

    pub(super) fn closed(&mut self) {
        (self.event_at, self.missed) = (None, None);
    }

    /// The stream reported an event. Returns whether it was silent before.
    pub(super) fn delivered(&mut self, now: Instant) -> bool {
        (self.event_at, self.missed) = (Some(now), None);
        self.reopened.take().is_some()
    }

    pub(super) fn new_cut(&mut self, now: Instant, seq: Seq) {
        self.new_cut = Some((seq, now));
    }

    /// Whether the stream missed a change and has reported nothing since.
    pub(super) fn is_silent(&self) -> bool {
        self.reopened.is_some()
    }

    pub(super) fn event_at(&self) -> Option<Instant> {
        self.event_at
    }

    /// When to act if no event comes.
    pub(super) fn missed(&self) -> Option<Instant> {
        self.missed
    }

    /// An answer showed the height of the chain, whose stream has been open since `opened`.
    ///
    /// Work requested soon after a new tip may still be older than the tip. It counts only if all
    /// streams are silent.
    pub(super) fn show(
        &mut self,
        now: Instant,
        timing: &Timing,
        opened: Option<Seq>,
        are_all_silent: bool,
        shown: Shown,
    ) {
        let before = self.shown.replace(shown);
        let (Some(before), Some(opened), Some(event_at)) = (before, opened, self.event_at) else {
            return;
        };
        if shown.height <= before.height {
            // The answer of a node behind the others, unless the network was reset.
            if shown.height + RESET_DEPTH >= before.height && shown.height < before.height {
                self.shown = Some(before);
            }
            return;
        }
        let is_reported = self.new_cut.is_some_and(|(seq, at)| {
            let settled = at + timing.late_update;
            seq >= before.requested || !are_all_silent && settled > before.requested_at
        });
        if !is_reported && opened < before.requested {
            let next = match self.reopened {
                Some((at, pause)) => at + pause,
                None => event_at + timing.silence_min,
            };
            let late = now + timing.late_update;
            self.missed.get_or_insert(late.max(next));
        }
    }

    /// The stream counts as silent and is opened again.
    pub(super) fn reopen(&mut self, now: Instant, timing: &Timing) {
        let pause = match self.reopened {
            Some((_, pause)) => (2 * pause).min(timing.reopen_max),
            None => timing.reopen_min,
        };
        self.reopened = Some((now, pause));
        self.closed();
    }
}
