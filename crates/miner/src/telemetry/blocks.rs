//! Decides how blocks are logged: each by its own lines, or all together once a minute.
//!
//! The development workers make blocks without work, and so does a network without difficulty.
//! Where blocks come faster than one a second, a line for each would hide everything else.

use std::time::{Duration, Instant};

use super::event::BlockEvent;
use crate::job::Proof;

/// The time that a summary covers.
const SUMMARY: Duration = Duration::from_mins(1);

/// The time in which blocks are counted to see whether they come too fast.
const BURST: Duration = Duration::from_secs(10);

/// The most blocks in [`BURST`] that have lines of their own.
const BURST_BLOCKS: u64 = 10;

/// The blocks since the last summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BlockTotals {
    pub(super) found: u64,
    pub(super) accepted: u64,
    pub(super) orphaned: u64,
    pub(super) rejected: u64,
    pub(super) stale: u64,
}

/// What follows for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// The event has a line.
    Each,
    /// The event is the first one without a line: blocks come too fast from now on.
    TooMany,
    /// The event is counted for the next summary.
    Summed,
}

/// How blocks are logged at present.
#[derive(Debug)]
pub(super) struct BlockLog {
    /// Whether blocks are always summed, as those of development workers are.
    always: bool,
    summing: bool,
    totals: BlockTotals,
    since: Instant,
    burst: (Instant, u64),
}

impl BlockLog {
    pub(super) fn new(now: Instant, proof: Proof) -> Self {
        let always = proof == Proof::None;
        Self {
            always,
            summing: always,
            totals: BlockTotals::default(),
            since: now,
            burst: (now, 0),
        }
    }

    /// Counts an event of a block.
    pub(super) fn count(&mut self, now: Instant, event: &BlockEvent) -> Lines {
        let was_summing = self.summing;
        let totals = &mut self.totals;
        match event {
            BlockEvent::Found { .. } => {
                totals.found += 1;
                self.note_burst(now);
            }
            BlockEvent::Accepted => totals.accepted += 1,
            BlockEvent::Orphaned { .. } => totals.orphaned += 1,
            BlockEvent::Rejected { .. } | BlockEvent::RejectedWithoutPow => totals.rejected += 1,
            BlockEvent::Stale => totals.stale += 1,
            BlockEvent::SubmissionFailed { .. }
            | BlockEvent::Submitted { .. }
            | BlockEvent::SubmissionUncertain { .. }
            | BlockEvent::Displaced { .. }
            | BlockEvent::Confirmed { .. }
            | BlockEvent::Untracked { .. } => {}
        }
        match (was_summing, self.summing) {
            (false, false) => Lines::Each,
            (false, true) => Lines::TooMany,
            (true, _) => Lines::Summed,
        }
    }

    fn note_burst(&mut self, now: Instant) {
        let (since, blocks) = &mut self.burst;
        if now.saturating_duration_since(*since) >= BURST {
            (*since, *blocks) = (now, 0);
        }
        *blocks += 1;
        if *blocks > BURST_BLOCKS && !self.summing {
            self.summing = true;
            // Those before had lines of their own.
            self.totals = BlockTotals {
                found: 1,
                ..BlockTotals::default()
            };
            self.since = now;
        }
    }

    /// Returns the totals once a minute, or at the end, if blocks are summed and there were any.
    pub(super) fn due(&mut self, now: Instant, is_end: bool) -> Option<(BlockTotals, Duration)> {
        let time = now.saturating_duration_since(self.since);
        if !self.summing || (time < SUMMARY && !is_end) {
            return None;
        }
        self.since = now;
        let totals = std::mem::take(&mut self.totals);
        // A minute with less than a block a second ends the summing.
        self.summing = self.always || totals.found > SUMMARY.as_secs();
        (totals != BlockTotals::default()).then_some((totals, time))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{BlockLog, BlockTotals, Lines};
    use crate::job::Proof;
    use crate::telemetry::event::BlockEvent;

    fn found(proof: Proof) -> BlockEvent {
        BlockEvent::Found {
            found_by: None,
            after: Duration::ZERO,
            proof,
        }
    }

    #[test]
    fn slow_blocks_have_lines_and_no_summary() {
        let now = Instant::now();
        let mut log = BlockLog::new(now, Proof::Verified);
        for second in (0..600).step_by(2) {
            let at = now + Duration::from_secs(second);
            assert_eq!(log.count(at, &found(Proof::Verified)), Lines::Each);
            assert_eq!(log.due(at, false), None);
        }
        assert_eq!(log.due(now + Duration::from_mins(20), true), None);
    }

    #[test]
    fn more_than_a_block_a_second_is_a_summary_a_minute_until_blocks_are_rare() {
        let now = Instant::now();
        let mut log = BlockLog::new(now, Proof::Verified);
        let mut lines = Vec::new();
        for tenth in 0..700 {
            let at = now + Duration::from_millis(100 * tenth);
            lines.push(log.count(at, &found(Proof::Verified)));
        }
        assert_eq!(lines[..10], [Lines::Each; 10]);
        assert_eq!(lines[10], Lines::TooMany);
        assert_eq!(lines[11..], [Lines::Summed; 689]);
        let minute = now + Duration::from_secs(70);
        let totals = BlockTotals {
            found: 690,
            ..BlockTotals::default()
        };
        assert_eq!(
            log.due(minute, false),
            Some((totals, Duration::from_secs(69)))
        );
        assert_eq!(log.due(minute + Duration::from_mins(1), false), None);
        let calm = minute + Duration::from_mins(2);
        assert_eq!(log.count(calm, &found(Proof::Verified)), Lines::Each);
    }

    #[test]
    fn development_workers_have_summaries_only() {
        let now = Instant::now();
        let mut log = BlockLog::new(now, Proof::None);
        assert_eq!(log.count(now, &found(Proof::None)), Lines::Summed);
        assert_eq!(log.count(now, &BlockEvent::Accepted), Lines::Summed);
        assert_eq!(log.due(now + Duration::from_secs(59), false), None);
        let totals = BlockTotals {
            found: 1,
            accepted: 1,
            ..BlockTotals::default()
        };
        let end = now + Duration::from_secs(59);
        assert_eq!(log.due(end, true), Some((totals, Duration::from_secs(59))));
    }
}
