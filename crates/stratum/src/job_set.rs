//! The current jobs: live work in lanes, and one set of jobs per slice of the sessions.
//!
//! Work keeps its lane while it is live; fresh work fills a lane that retired work left empty. So
//! a session is undisturbed by changes on other chains, switches to another live job when its own
//! retires, and returns to its lane once fresh work fills it. Slices are refreshed in turn, so not
//! all devices answer at once. All slices share the first job of new work; refreshed jobs differ.

use std::sync::Arc;
use std::time::Instant;

use chainweb::Target;

use crate::job::StratumJob;
use crate::job_id::JobIds;
use crate::template::{LiveWork, Template};

/// The jobs of one slice of the sessions, by lane. Immutable.
#[derive(Clone, Debug, Default)]
pub struct JobSet {
    lanes: Vec<Option<Arc<StratumJob>>>,
    easiest_block: Option<Target>,
    since: Option<Instant>,
}

impl JobSet {
    fn new(lanes: Vec<Option<Arc<StratumJob>>>, since: Option<Instant>) -> Self {
        let easiest_block = lanes.iter().flatten().map(|job| job.block_target()).max();
        Self {
            lanes,
            easiest_block,
            since,
        }
    }

    /// Returns when the event arrived that last changed the live work.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Returns the job for the session of this rank, or `None` without live work.
    ///
    /// The rank selects the lane, modulo their number. Sessions of an empty lane are spread over
    /// the others.
    pub fn job_for(&self, rank: u32) -> Option<&Arc<StratumJob>> {
        let lanes = u32::try_from(self.lanes.len())
            .ok()
            .filter(|&lanes| lanes > 0)?;
        if let Some(job) = &self.lanes[(rank % lanes) as usize] {
            return Some(job);
        }
        let mut live = self.lanes.iter().flatten();
        let count = live.clone().count();
        live.nth((rank / lanes) as usize % count.max(1))
    }

    /// Whether the work of this key is live.
    pub(crate) fn is_live(&self, key: u64) -> bool {
        let mut live = self.lanes.iter().flatten();
        live.any(|job| job.template().key() == key)
    }

    /// Returns the easiest block target of the live work.
    pub(crate) fn easiest_block_target(&self) -> Option<Target> {
        self.easiest_block
    }
}

/// The job sets of all slices.
#[derive(Debug)]
pub struct JobSets {
    ids: Arc<JobIds>,
    lanes: Vec<Option<Arc<Template>>>,
    slices: Vec<Arc<JobSet>>,
}

impl JobSets {
    /// Creates empty sets for `slices` slices.
    pub fn new(ids: Arc<JobIds>, slices: usize) -> Self {
        Self {
            ids,
            lanes: Vec::new(),
            slices: vec![Arc::default(); slices],
        }
    }

    /// Returns the jobs of a slice.
    ///
    /// # Panics
    /// If there are not as many slices.
    pub fn slice(&self, slice: usize) -> &Arc<JobSet> {
        &self.slices[slice]
    }

    /// Replaces the live work, newest first, and with it the job set of each slice.
    pub fn set_work(&mut self, now: Instant, live: &[LiveWork]) {
        self.set_work_since(now, live, now);
    }

    /// Does so after an event that arrived at `since`.
    pub(crate) fn set_work_since(&mut self, now: Instant, live: &[LiveWork], since: Instant) {
        for lane in &mut self.lanes {
            lane.take_if(|template| live.iter().all(|work| work.key != template.key()))
                .inspect(|template| template.retire(now));
        }
        let mut fresh: Vec<Option<Arc<StratumJob>>> = vec![None; self.lanes.len()];
        for work in live {
            let has_key = |lane: &Option<Arc<Template>>| {
                lane.as_ref()
                    .is_some_and(|template| template.key() == work.key)
            };
            if self.lanes.iter().any(has_key) {
                continue;
            }
            let template = Arc::new(Template::new(work.clone()));
            let job = Arc::new(StratumJob::new(self.ids.next(), &template, now));
            match self.lanes.iter().position(Option::is_none) {
                Some(empty) => {
                    self.lanes[empty] = Some(template);
                    fresh[empty] = Some(job);
                }
                None => {
                    self.lanes.push(Some(template));
                    fresh.push(Some(job));
                }
            }
        }
        // The number of lanes never falls: it would move sessions whose work is still live.
        for jobs in &mut self.slices {
            let lanes = self.lanes.iter().enumerate().map(|(lane, template)| {
                template.as_ref()?;
                let kept = jobs.lanes.get(lane).and_then(Option::as_ref);
                fresh[lane].as_ref().or(kept).map(Arc::clone)
            });
            *jobs = Arc::new(JobSet::new(lanes.collect(), Some(since)));
        }
    }

    /// Replaces the jobs of one slice by jobs of the same work with a later creation time.
    pub fn refresh(&mut self, now: Instant, slice: usize) {
        let lanes = self.lanes.iter().map(|template| {
            let template = template.as_ref()?;
            Some(Arc::new(StratumJob::new(self.ids.next(), template, now)))
        });
        let since = self.slices[slice].since;
        self.slices[slice] = Arc::new(JobSet::new(lanes.collect(), since));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::JobSets;
    use crate::job_id::JobIds;

    #[test]
    fn a_session_that_reads_after_a_refresh_still_learns_of_the_event_before() {
        let ids = JobIds::new(&mut StdRng::seed_from_u64(1));
        let mut sets = JobSets::new(Arc::new(ids), 2);
        let event = Instant::now();
        let now = event + Duration::from_secs(1);
        sets.set_work_since(now, &[], event);
        sets.refresh(now, 0);
        assert_eq!(
            [0, 1].map(|slice| sets.slice(slice).since()),
            [Some(event); 2]
        );
    }
}
