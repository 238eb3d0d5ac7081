//! Blocks found and confirmed while a meter runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainId, Difficulty, Target};

use super::WorkWatch;
use crate::history::Fate;
use crate::job::{JobId, NodeId, Proof};
use crate::meter::{HashMeter, Meter};
use crate::telemetry::estimate::{Luck, Window};
use crate::telemetry::event::{BlockEvent, BlockRef, Untracked};
use crate::units::HashRate;

fn block(job: u64) -> BlockRef {
    BlockRef {
        job: JobId(job),
        node: NodeId(0),
        chain: ChainId::new(0),
        height: 1,
        hash: None,
    }
}

fn found(proof: Proof) -> BlockEvent {
    BlockEvent::Found {
        found_by: None,
        after: Duration::ZERO,
        header: fixtures::work(0, 1, Target::MAX).header().clone(),
        issued: Instant::now(),
        proof,
    }
}

struct Run {
    start: Instant,
    hashes: Arc<HashMeter>,
    meter: Meter,
    watch: WorkWatch,
}

impl Run {
    fn new() -> Self {
        let hashes = Arc::new(HashMeter::new(1));
        Self {
            start: Instant::now(),
            meter: Meter::Reported(Arc::clone(&hashes)),
            hashes,
            watch: WorkWatch::new(Instant::now()),
        }
    }

    /// Hashes on jobs with a difficulty of a thousand.
    fn hash(&mut self, blocks: f64, stale: f64) {
        let hashes = Difficulty::from_f64(1000.0 * blocks).to_string();
        let hashes = hashes.parse().expect("a few");
        self.hashes.thread(0).add(hashes, blocks, stale);
        self.watch.read(self.start, &self.meter);
    }

    fn note(&mut self, job: u64, event: &BlockEvent) -> Option<f64> {
        let meter = &self.meter;
        self.watch.note(self.start, meter, &block(job), event)
    }

    fn effort(&self) -> Option<f64> {
        self.watch.work(self.start).effort
    }

    fn effort_since_found(&self) -> Option<f64> {
        self.watch.work(self.start).effort_since_found
    }
}

#[test]
fn effort_starts_again_at_the_last_confirmed_block() {
    let mut run = Run::new();
    // Hashes before the first report are not known, and do not make the later ones unknown.
    assert_eq!(run.note(1, &found(Proof::Verified)), None);
    assert_eq!(run.effort(), None);
    run.hash(0.5, 0.0);
    assert_eq!(run.note(2, &found(Proof::Verified)), Some(0.5));
    run.hash(1.0, 250.0);
    assert_eq!(run.note(3, &found(Proof::Verified)), Some(1.5));
    run.hash(0.25, 0.0);
    assert_eq!(run.effort(), Some(1.75));
    run.note(3, &BlockEvent::Stale);
    run.note(3, &BlockEvent::Confirmed { depth: 6 });
    assert_eq!(run.effort(), Some(1.75));
    run.note(2, &BlockEvent::Confirmed { depth: 6 });
    assert_eq!(run.effort(), Some(1.25));
    run.note(1, &BlockEvent::Confirmed { depth: 7 });
    assert_eq!(run.effort(), Some(1.25));
    assert!(run.watch.marks.is_empty());
    let work = run.watch.work(run.start);
    assert_eq!((work.expected, work.found), (Some(1.75), 3));
    let percent = work.stale.percent().map(f64::round);
    assert_eq!((work.stale.hashes(), percent), (Some(250.0), Some(14.0)));
    assert!(matches!(work.luck(), Some(Luck::Known { ratio, .. }) if ratio > 1.7));
    let rate = work.rates.expect("known").over(Window::Minute);
    assert_eq!(rate.to_string(), "350");
}

#[test]
fn effort_since_a_found_block_goes_on_from_before_it_if_it_is_lost() {
    let mut run = Run::new();
    for block in 1..=3 {
        run.hash(0.5, 0.0);
        run.note(block, &found(Proof::Verified));
    }
    run.hash(0.25, 0.0);
    assert_eq!(
        (run.effort(), run.effort_since_found()),
        (Some(1.75), Some(0.25))
    );
    let by = "A".repeat(43).parse().expect("a hash");
    run.note(
        3,
        &BlockEvent::Orphaned {
            by,
            depth: 6,
            reason: None,
        },
    );
    assert_eq!(run.effort_since_found(), Some(0.75));
    run.note(1, &BlockEvent::Confirmed { depth: 6 });
    run.note(2, &BlockEvent::Stale);
    assert_eq!(
        (run.effort(), run.effort_since_found()),
        (Some(1.25), Some(1.25))
    );
}

#[test]
fn effort_goes_on_where_the_run_before_ended() {
    let mut run = Run::new();
    run.watch.resume(20.0, 18.5, &[]);
    run.watch.remember(77, Some(19.25));
    run.watch.remember(78, None);
    run.hash(0.5, 0.0);
    assert_eq!(run.effort(), Some(2.0));
    assert_eq!(run.note(1, &found(Proof::Verified)), Some(20.5));
    let fate = Fate::Accepted;
    run.note(2, &BlockEvent::Restored { row: 77, fate });
    run.note(2, &BlockEvent::Confirmed { depth: 6 });
    assert_eq!(run.effort(), Some(1.25));
    // The work of this run alone.
    assert_eq!(run.watch.work(run.start).expected, Some(0.5));
}

#[test]
fn a_worker_that_hashes_nothing_has_no_effort_and_no_luck() {
    for meter in [
        Meter::None,
        Meter::Simulated(HashRate(5.0)),
        Meter::Estimated(None),
    ] {
        let mut run = Run::new();
        run.meter = meter;
        run.hash(1.0, 0.0);
        assert_eq!(run.note(1, &found(Proof::None)), None);
        run.note(1, &BlockEvent::Confirmed { depth: 6 });
        let work = run.watch.work(run.start);
        assert_eq!((work.expected, work.effort, work.rates), (None, None, None));
        assert_eq!((work.stale.hashes(), work.found), (None, 0));
        assert_eq!(work.luck(), None);
    }
}

#[test]
fn a_block_that_is_no_longer_tracked_is_forgotten() {
    let mut run = Run::new();
    run.hash(1.0, 0.0);
    run.note(1, &found(Proof::Verified));
    let reason = Untracked::TooMany;
    run.note(1, &BlockEvent::Untracked { reason });
    assert!(run.watch.marks.is_empty());
    assert_eq!(run.effort(), Some(1.0));
}
