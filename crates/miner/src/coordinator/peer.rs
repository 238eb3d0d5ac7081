//! One node among several: how fast it answers, how far it is, and what it is good for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chainweb::CreationTime;
use node::{Cut, Progress};

use super::event::Seq;
use crate::telemetry::Standing;
use crate::timing::Timing;

/// The number of latest answers whose times are kept.
const ANSWERS: usize = 128;
/// The comparisons in a row in which the blocks of a node have to differ: two may show a
/// reorganisation that is not over, and the same cut.
const DIFFERING: u32 = 3;

/// What is known of a node for the choice between nodes.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) standing: Standing,
    /// Since when it has been ready without a break.
    pub(super) ready_since: Option<Instant>,
    /// Its last cut.
    pub(super) cut: Option<Cut>,
    /// The creation time of the last work that it issued, and when that came.
    pub(super) clock: Option<(CreationTime, Instant)>,
    /// The network's code in the last work that it issued.
    pub(super) code: Option<u32>,
    /// Whether its cut came after the last work.
    pub(super) is_cut_new: bool,
    /// The works in a row whose parents were far from its own cut.
    pub(super) far_works: u32,
    /// Whether it issued work on chains that it does not name, or far from its own cut.
    pub(super) is_foreign: bool,
    /// When it last reported a block that concerns a job of another node.
    pub(super) news: Seq,
    /// When its cut is wanted for the comparison with the others.
    pub(super) cut_due: Option<Instant>,
    /// The comparisons in a row in which its blocks differed from those of the others; `None`
    /// before the first.
    differing: Option<u32>,
    /// The times that its latest answers took.
    answers: VecDeque<Duration>,
    /// The longest time that an answer may take; `None` before the first answer.
    limit: Option<Duration>,
    /// Whether the last request had no answer, or one that came too late.
    is_silent: bool,
    /// When the last answer came.
    answered_at: Option<Instant>,
}

impl Peer {
    /// An answer came after this time.
    pub(super) fn answered(&mut self, now: Instant, timing: &Timing, took: Duration) {
        self.answered_at = Some(now);
        if self.answers.len() == ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(took);
        let mut sorted: Vec<_> = self.answers.iter().copied().collect();
        sorted.sort_unstable();
        // One in a hundred is longer.
        let usual = sorted[(sorted.len() - 1) * 99 / 100];
        self.limit = Some((usual * 2).clamp(timing.hang_min, timing.hang_max));
        let allowed = if self.is_silent {
            timing.hang_max / 2
        } else {
            timing.hang_max
        };
        self.is_silent = took > allowed;
    }

    /// A request had no answer.
    pub(super) fn not_answered(&mut self) {
        self.is_silent = true;
    }

    /// Returns how far its last cut was.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.cut.as_ref().map(Cut::progress)
    }

    /// Returns how long an answer may take.
    pub(super) fn limit(&self, timing: &Timing) -> Duration {
        self.limit.unwrap_or(timing.hang_max)
    }

    /// Whether an answer came since then.
    pub(super) fn has_answered_since(&self, sent: Instant) -> bool {
        self.answered_at.is_some_and(|at| at > sent)
    }

    /// Whether its last answer is missing, or took too long.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Whether its blocks were those of the others when they were last compared.
    pub(super) fn agrees(&self) -> bool {
        self.differing == Some(0)
    }

    /// Whether its blocks differ from those of the others.
    pub(super) fn is_forked(&self) -> bool {
        self.differing >= Some(DIFFERING)
    }

    /// Whether the next comparison should come soon.
    pub(super) fn is_doubtful(&self) -> bool {
        self.differing
            .is_none_or(|times| times > 0 && times < DIFFERING)
    }

    /// Its blocks were compared with those of the others.
    pub(super) fn compared(&mut self, agrees: bool) {
        self.differing = Some(match self.differing {
            _ if agrees => 0,
            times => times.unwrap_or(0).saturating_add(1),
        });
    }

    /// The node serves another network, or its network was reset.
    pub(super) fn reset(&mut self) {
        (self.cut, self.differing) = (None, None);
        self.trust_work();
    }

    /// Its next work may be of the network that it names.
    pub(super) fn trust_work(&mut self) {
        (self.code, self.far_works, self.is_foreign) = (None, 0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_take_twice_as_long_as_all_but_one_in_a_hundred_did() {
        let (now, timing) = (Instant::now(), Timing::default());
        let ms = Duration::from_millis;
        let mut peer = Peer::default();
        assert_eq!(peer.limit(&timing), timing.hang_max);
        peer.answered(now, &timing, ms(10));
        assert_eq!(peer.limit(&timing), timing.hang_min);
        for _ in 0..ANSWERS {
            peer.answered(now, &timing, ms(300));
        }
        assert_eq!(peer.limit(&timing), ms(600));
        // One in a hundred is rounded up to two of 128.
        for expected in [ms(600), ms(600), timing.hang_max] {
            peer.answered(now, &timing, ms(1100));
            assert_eq!(peer.limit(&timing), expected);
        }
    }

    #[test]
    fn a_node_that_answered_too_late_has_to_answer_in_half_of_the_time() {
        let (now, timing) = (Instant::now(), Timing::default());
        let mut peer = Peer::default();
        let mut is_silent_after = |took| {
            peer.answered(now, &timing, took);
            peer.is_silent()
        };
        let half = timing.hang_max / 2;
        let more = Duration::from_millis(1);
        assert!(!is_silent_after(timing.hang_max));
        assert!(is_silent_after(timing.hang_max + more));
        assert!(is_silent_after(half + more));
        assert!(!is_silent_after(half));
    }
}
