//! Decides how blocks are logged: each by its own lines, or all together once a minute.
//!
//! The development workers make blocks without work, and so does a network without difficulty.
//! Where blocks come faster than one a second, a line for each would hide everything else.

use std::mem::replace;
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::event::BlockEvent;
use crate::job::Proof;

/// The time that a summary covers.
const SUMMARY: Duration = Duration::from_mins(1);

/// The least time between two lines about failed submissions.
const FAILURES: Duration = Duration::from_secs(10);

/// The time in which blocks are counted to see whether they come too fast.
const BURST: Duration = Duration::from_secs(10);

/// The most blocks in [`BURST`] that have lines of their own.
const BURST_BLOCKS: u64 = 10;

/// The counters of blocks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BlockTotals {
    pub(super) made: u64,
    pub(super) accepted: u64,
    pub(super) orphaned: u64,
    pub(super) rejected: u64,
    pub(super) stale: u64,
}

/// How an event of a block is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// It has a line.
    Each,
    /// It is the first one without a line: blocks come too fast from now on.
    TooMany,
    /// It is part of the next summary.
    Summed,
}

/// A summary that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// What changed in the time.
    pub(super) totals: BlockTotals,
    /// The time that it covers.
    pub(super) time: Duration,
    /// Whether each block has lines of its own again.
    pub(super) is_last: bool,
}

/// How blocks are logged at present.
#[derive(Debug)]
pub(super) struct BlockLog {
    /// Whether blocks are always summed, as those of development workers are.
    always: bool,
    summing: bool,
    /// The counters at the last summary, and its time.
    before: BlockTotals,
    since: Instant,
    burst: (Instant, u64),
    /// The last failed submission with a line.
    failed: Option<Instant>,
}

impl BlockLog {
    pub(super) fn new(now: Instant, proof: Proof) -> Self {
        let always = proof == Proof::None;
        Self {
            always,
            summing: always,
            before: BlockTotals::default(),
            since: now,
            burst: (now, 0),
            failed: None,
        }
    }

    /// Returns how the event is logged.
    pub(super) fn lines(&mut self, now: Instant, event: &BlockEvent) -> Lines {
        if let BlockEvent::SubmissionFailed { .. } = event {
            // While a node fails, there may be a block of each chain.
            let last = self.failed.filter(|at| now.duration_since(*at) < FAILURES);
            if last.is_some() {
                return Lines::Summed;
            }
            self.failed = Some(now);
            return Lines::Each;
        }
        let was_summing = self.summing;
        // What becomes of many blocks of an earlier run is summed as well.
        if let BlockEvent::Found { .. } | BlockEvent::Restored { .. } = event {
            let (since, blocks) = &mut self.burst;
            if now.saturating_duration_since(*since) >= BURST {
                (*since, *blocks) = (now, 0);
            }
            *blocks += 1;
            self.summing |= *blocks > BURST_BLOCKS;
        }
        match (was_summing, self.summing) {
            (false, false) => Lines::Each,
            (false, true) if matches!(event, BlockEvent::Found { .. }) => Lines::TooMany,
            (true, _) | (false, true) => Lines::Summed,
        }
    }

    /// Returns the summary once a minute, or at the end, if blocks are summed and there were any.
    /// To be called about once a second.
    pub(super) fn due(&mut self, now: Instant, counters: &Counters, end: bool) -> Option<Summary> {
        let time = now.saturating_duration_since(self.since);
        if self.summing && time < SUMMARY && !end {
            return None;
        }
        self.since = now;
        let before = replace(&mut self.before, BlockTotals::of(counters));
        if !self.summing {
            return None;
        }
        let totals = self.before.since(before);
        self.summing = self.always || totals.made > SUMMARY.as_secs();
        (totals != BlockTotals::default()).then_some(Summary {
            totals,
            time,
            is_last: !self.summing && !end,
        })
    }
}

impl BlockTotals {
    fn of(counters: &Counters) -> Self {
        Self {
            made: counters.solutions,
            accepted: counters.blocks.accepted,
            orphaned: counters.blocks.orphaned,
            rejected: counters.solutions_rejected,
            stale: counters.solutions_stale,
        }
    }

    /// Returns the growth since `before`. An accepted block that is orphaned later may shrink a
    /// count, which is no growth.
    fn since(self, before: Self) -> Self {
        Self {
            made: self.made.saturating_sub(before.made),
            accepted: self.accepted.saturating_sub(before.accepted),
            orphaned: self.orphaned.saturating_sub(before.orphaned),
            rejected: self.rejected.saturating_sub(before.rejected),
            stale: self.stale.saturating_sub(before.stale),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{BlockLog, BlockTotals, Lines, Summary};
    use crate::history::Fate;
    use crate::job::Proof;
    use crate::telemetry::counters::Counters;
    use crate::telemetry::event::BlockEvent;

    fn found(proof: Proof) -> BlockEvent {
        BlockEvent::Found {
            found_by: None,
            after: Duration::ZERO,
            header: fixtures::work(0, 1, chainweb::Target::MAX).header().clone(),
            issued: Instant::now(),
            proof,
        }
    }

    fn counters(solutions: u64) -> Counters {
        Counters {
            solutions,
            ..Counters::default()
        }
    }

    fn summary(made: u64, seconds: u64, is_last: bool) -> Summary {
        Summary {
            totals: BlockTotals {
                made,
                ..BlockTotals::default()
            },
            time: Duration::from_secs(seconds),
            is_last,
        }
    }

    #[test]
    fn slow_blocks_have_lines_and_no_summary() {
        let now = Instant::now();
        let mut log = BlockLog::new(now, Proof::Verified);
        for second in (0..600).step_by(2) {
            let at = now + Duration::from_secs(second);
            assert_eq!(log.lines(at, &found(Proof::Verified)), Lines::Each);
            assert_eq!(log.due(at, &counters(second / 2), false), None);
        }
        let end = now + Duration::from_mins(20);
        assert_eq!(log.due(end, &counters(300), true), None);
    }

    #[test]
    fn more_than_a_block_a_second_is_a_summary_a_minute_until_it_is_calm() {
        let now = Instant::now();
        let mut log = BlockLog::new(now, Proof::Verified);
        let mut lines = Vec::new();
        for tenth in 0..600 {
            let at = now + Duration::from_millis(100 * tenth);
            lines.push(log.lines(at, &found(Proof::Verified)));
            if tenth % 10 == 0 {
                assert_eq!(log.due(at, &counters(tenth), false), None);
            }
        }
        assert_eq!(lines[..10], [Lines::Each; 10]);
        assert_eq!(lines[10], Lines::TooMany);
        assert_eq!(lines[11..], [Lines::Summed; 589]);
        let at = |seconds| now + Duration::from_secs(seconds);
        // The last call before the burst was at the start.
        assert_eq!(
            log.due(at(60), &counters(600), false),
            Some(summary(600, 60, false))
        );
        assert_eq!(
            log.due(at(120), &counters(601), false),
            Some(summary(1, 60, true))
        );
        assert_eq!(log.lines(at(121), &found(Proof::Verified)), Lines::Each);
    }

    #[test]
    fn what_becomes_of_many_blocks_of_an_earlier_run_is_summed() {
        let now = Instant::now();
        for (blocks, expected) in [(10, Lines::Each), (11, Lines::Summed)] {
            let mut log = BlockLog::new(now, Proof::Verified);
            for row in 0..blocks {
                let fate = Fate::Accepted;
                log.lines(now, &BlockEvent::Restored { row, fate });
            }
            let confirmed = BlockEvent::Confirmed { depth: 6 };
            assert_eq!(log.lines(now, &confirmed), expected);
        }
    }

    #[test]
    fn failed_submissions_have_a_line_in_ten_seconds() {
        let now = Instant::now();
        let failed = BlockEvent::SubmissionFailed {
            attempts: 1,
            error: String::new(),
            retry_in: Duration::ZERO,
        };
        // Also where blocks are summed.
        for proof in [Proof::Verified, Proof::None] {
            let mut log = BlockLog::new(now, proof);
            let lines = (0..60).map(|second| log.lines(now + Duration::from_secs(second), &failed));
            assert_eq!(lines.filter(|lines| *lines == Lines::Each).count(), 6);
        }
    }

    #[test]
    fn development_workers_have_summaries_alone() {
        let now = Instant::now();
        let mut log = BlockLog::new(now, Proof::None);
        assert_eq!(log.lines(now, &found(Proof::None)), Lines::Summed);
        let end = now + Duration::from_secs(59);
        assert_eq!(log.due(end, &counters(1), false), None);
        assert_eq!(
            log.due(end, &counters(1), true),
            Some(summary(1, 59, false))
        );
    }
}
