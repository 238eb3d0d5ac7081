//! Completes snapshots with what follows from earlier ones: how long there was no work, and the
//! problems.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::demand::{Demand, DemandWatch};
use crate::telemetry::estimate::StaleWork;
use crate::telemetry::problem::Problem;
use crate::telemetry::problems::{WORK_PATIENCE, problems};
use crate::telemetry::recent::Recent;
use crate::telemetry::snapshot::Snapshot;

/// Recent work is that of this time to twice this time. In less, a device finds too few shares to
/// know how many are late.
const WORK: Duration = Duration::from_hours(1);
/// The least time of recent work that is judged.
const WORK_LEAST: Duration = Duration::from_mins(30);

/// What is kept of earlier snapshots.
#[derive(Debug)]
pub(super) struct Oversight {
    /// When a job was last live, or none was wanted.
    worked: Instant,
    /// When there last was none for long, or the start.
    idle: Instant,
    stale: Recent<StaleWork>,
    problems: Arc<[Problem]>,
}

impl Oversight {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            worked: now,
            idle: now,
            stale: Recent::new(now, WORK, StaleWork::default()),
            problems: Arc::default(),
        }
    }

    /// Completes a snapshot. `wanted` is the demand of a worker that has one.
    pub(super) fn complete(&mut self, snapshot: &mut Snapshot, wanted: Option<&DemandWatch>) {
        let wants = wanted.is_none_or(|wanted| match &*wanted.demand.borrow() {
            Demand::Any => true,
            Demand::Nothing => false,
            Demand::Chains { named, .. } => !named.is_empty(),
        });
        if !wants || snapshot.jobs.iter().next().is_some() {
            self.worked = snapshot.at;
        }
        snapshot.without_work = snapshot.at.saturating_duration_since(self.worked);
        if snapshot.without_work >= WORK_PATIENCE {
            self.idle = snapshot.at;
        }
        snapshot.worked = snapshot.at.saturating_duration_since(self.idle);
        let stale = snapshot.work.stale;
        let recent = stale.since(self.stale.before(snapshot.at, stale));
        snapshot.stale_percent = recent.percent().filter(|_| snapshot.elapsed >= WORK_LEAST);
        self.problems = problems(snapshot, &self.problems).into();
        snapshot.problems = Arc::clone(&self.problems);
    }
}
