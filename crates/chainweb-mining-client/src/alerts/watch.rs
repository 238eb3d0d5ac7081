//! Which alerts are due: each problem once when it has begun and once when it has ended, and
//! blocks.
//!
//! Pure: it compares snapshots. Problems of a kind are collected, so that a farm that restarts is
//! one alert with many names. Beyond the limit per hour, alerts are counted, and summed up in one
//! when there is room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use miner::telemetry::event::{BlockEvent, Event};
use miner::telemetry::problem::{Kind, Problem};
use miner::telemetry::snapshot::{Record, Snapshot};
use miner::units::About;

use super::notice::{Notice, State};

/// How long a problem lasts before it is an alert, and how long it is absent before it has ended.
const RAISED_AFTER: Duration = Duration::from_secs(30);
const CLEARED_AFTER: Duration = Duration::from_mins(1);
/// The least time between two alerts of a kind in the same state. Changes in between are collected.
const COLLECTED: Duration = Duration::from_mins(5);
const HOUR: Duration = Duration::from_hours(1);

/// The problems and alerts so far.
#[derive(Debug)]
pub(super) struct Watch {
    max_per_hour: usize,
    /// By kind and subject; the subject is empty for the program itself.
    open: BTreeMap<(Kind, String), Open>,
    alerted: BTreeMap<(Kind, &'static str), Instant>,
    /// The number of the next event.
    next: u64,
    /// When alerts of the last hour were due.
    sent: VecDeque<Instant>,
    /// Alerts beyond the limit, by their titles.
    held: BTreeMap<String, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: Instant,
    seen: Instant,
    is_raised: bool,
}

impl Watch {
    pub(super) fn new(max_per_hour: usize) -> Self {
        Self {
            max_per_hour,
            open: BTreeMap::new(),
            alerted: BTreeMap::new(),
            next: 0,
            sent: VecDeque::new(),
            held: BTreeMap::new(),
        }
    }

    /// Returns the alerts that are due. `clock` is the time by the clock of this machine.
    pub(super) fn observe(&mut self, snapshot: &Snapshot, clock: SystemTime) -> Vec<Notice> {
        self.observe_at(snapshot.at, &snapshot.problems, &snapshot.events, clock)
    }

    fn observe_at(
        &mut self,
        now: Instant,
        problems: &[Problem],
        events: &[Arc<Record>],
        clock: SystemTime,
    ) -> Vec<Notice> {
        for problem in problems {
            for subject in subjects(problem) {
                let open = self.open.entry((problem.kind, subject)).or_insert(Open {
                    since: now,
                    seen: now,
                    is_raised: false,
                });
                open.seen = now;
            }
        }
        self.open
            .retain(|_, open| open.is_raised || open.seen == now);
        let mut notices = self.raised(now, problems, clock);
        notices.extend(self.cleared(now, clock));
        notices.extend(self.blocks(events, clock));
        self.limited(now, notices, clock)
    }

    fn raised(&mut self, now: Instant, problems: &[Problem], clock: SystemTime) -> Vec<Notice> {
        let mut notices = Vec::new();
        for problem in problems {
            let own = (problem.kind, String::new())..;
            let pending = self.open.range_mut(own);
            let pending = pending.take_while(|((kind, _), _)| *kind == problem.kind);
            let is_new = |open: &Open| !open.is_raised && open.seen == now;
            let mut pending: Vec<_> = pending.filter(|(_, open)| is_new(open)).collect();
            let mut begun = pending.iter().map(|(_, open)| open.since);
            let is_old = begun.any(|since| now.duration_since(since) >= RAISED_AFTER);
            if !is_old || !is_due(&mut self.alerted, now, problem.kind, State::Raised) {
                continue;
            }
            for (_, open) in &mut pending {
                open.is_raised = true;
            }
            let names = pending.into_iter().map(|((_, subject), _)| subject.clone());
            let names = names.filter(|name| !name.is_empty()).collect();
            notices.push(Notice::raised(problem, names, clock));
        }
        notices
    }

    fn cleared(&mut self, now: Instant, clock: SystemTime) -> Vec<Notice> {
        let absent = |open: &Open| now.duration_since(open.seen);
        let over = self
            .open
            .iter()
            .filter(|(_, open)| absent(open) >= CLEARED_AFTER);
        let mut kinds: Vec<_> = over.map(|((kind, _), _)| *kind).collect();
        kinds.dedup();
        let mut notices = Vec::new();
        for kind in kinds {
            if !is_due(&mut self.alerted, now, kind, State::Cleared) {
                continue;
            }
            let over = self
                .open
                .extract_if(.., |(of, _), open| *of == kind && open.seen != now);
            let over: Vec<_> = over.collect();
            let longest = over
                .iter()
                .map(|(_, open)| open.seen.duration_since(open.since));
            let after = About(longest.max().unwrap_or_default()).to_string();
            let names = over.into_iter().map(|((_, subject), _)| subject);
            let names = names.filter(|name| !name.is_empty()).collect();
            notices.push(Notice::cleared(kind, names, &after, clock));
        }
        notices
    }

    /// Returns what became of blocks since the last call; many of a kind are one alert.
    fn blocks(&mut self, events: &[Arc<Record>], clock: SystemTime) -> Vec<Notice> {
        let mut kinds: BTreeMap<&str, (String, u32)> = BTreeMap::new();
        for record in events.iter().filter(|record| record.sequence >= self.next) {
            if let Some((kind, text)) = block(&record.event) {
                kinds
                    .entry(kind)
                    .and_modify(|(_, more)| *more += 1)
                    .or_insert((text, 0));
            }
        }
        self.next = events.last().map_or(self.next, |last| last.sequence + 1);
        let notice = |(kind, (text, more)): (&str, (String, u32))| {
            let more = (more > 0).then(|| format!(" And {more} more."));
            Notice::event(kind, text + &more.unwrap_or_default(), clock)
        };
        kinds.into_iter().map(notice).collect()
    }

    /// Returns the alerts within the limit. Those of blocks use at most half of it.
    fn limited(&mut self, now: Instant, notices: Vec<Notice>, clock: SystemTime) -> Vec<Notice> {
        while self
            .sent
            .front()
            .is_some_and(|sent| now.duration_since(*sent) >= HOUR)
        {
            self.sent.pop_front();
        }
        let mut within = Vec::new();
        for notice in notices {
            let max = match notice.state {
                State::Event => self.max_per_hour.div_ceil(2),
                State::Raised | State::Cleared => self.max_per_hour,
            };
            if self.sent.len() < max {
                self.sent.push_back(now);
                within.push(notice);
            } else {
                *self.held.entry(notice.title()).or_default() += 1;
            }
        }
        let has_room = self.sent.len() < self.max_per_hour.div_ceil(2);
        if has_room && !self.held.is_empty() {
            self.sent.push_back(now);
            let counts = std::mem::take(&mut self.held).into_iter();
            let counts: Vec<_> = counts
                .map(|(title, count)| format!("{title}: {count}"))
                .collect();
            let text = format!(
                "More than {} alerts an hour. Not sent: {}.",
                self.max_per_hour,
                counts.join("; ")
            );
            within.push(Notice::event("alerts_held", text, clock));
        }
        within
    }
}

/// Whether an alert of this kind and state is due, which is then noted.
fn is_due(
    alerted: &mut BTreeMap<(Kind, &'static str), Instant>,
    now: Instant,
    kind: Kind,
    state: State,
) -> bool {
    let last = alerted.get(&(kind, state.name()));
    if last.is_some_and(|last| now.duration_since(*last) < COLLECTED) {
        return false;
    }
    alerted.insert((kind, state.name()), now);
    true
}

/// Returns the subjects of a problem, or an empty one for the program itself.
fn subjects(problem: &Problem) -> Vec<String> {
    match problem.subjects.as_slice() {
        [] => vec![String::new()],
        subjects => subjects.to_vec(),
    }
}

/// Returns the kind and the text of an alert about a block.
fn block(event: &Event) -> Option<(&'static str, String)> {
    let Event::Block(block, change) = event else {
        return match event {
            Event::BlockLost { network, header } => Some((
                "block_lost",
                format!(
                    "A block of an earlier run is lost: chain {}, height {}, {network}.",
                    header.chain(),
                    header.height()
                ),
            )),
            _ => None,
        };
    };
    let place = format!("chain {}, height {}", block.chain, block.height);
    match change {
        BlockEvent::Found { found_by, .. } => {
            let by = found_by.as_ref().map(|device| format!(", by {device}"));
            let by = by.unwrap_or_default();
            Some(("block_found", format!("Block found: {place}{by}.")))
        }
        BlockEvent::Confirmed { depth } => Some((
            "block_confirmed",
            format!("Block confirmed: {place}, {depth} blocks deep."),
        )),
        BlockEvent::Orphaned { .. } => Some((
            "block_orphaned",
            format!("Block orphaned: {place}. Another block took its place."),
        )),
        BlockEvent::Stale => Some((
            "block_lost",
            format!("Block lost: {place}. It came too late."),
        )),
        BlockEvent::Rejected { .. } => Some((
            "block_lost",
            format!("Block lost: {place}. The node rejected it."),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
