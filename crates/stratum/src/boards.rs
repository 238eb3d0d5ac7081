//! Which job a session works on: the live works in lanes, one board of jobs for each slice of the sessions.
//!
//! A work keeps its lane as long as it lives, and a fresh one takes the lane that a dead one left. So a session stays
//! undisturbed while other chains move, has another live job in the instant in which its own dies, and comes back to
//! its lane when the fresh work is there. The slices are refreshed in turn, so that not all devices answer at once.
//! A new work's first job is the same for all slices; only refreshed jobs differ.

use std::sync::Arc;
use std::time::Instant;

use chainweb::Target;

use crate::{JobIds, LiveWork, Origin, StratumJob};

/// The jobs for one slice of the sessions. A value: a change makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Board {
    lanes: Vec<Option<Arc<StratumJob>>>,
    easiest_block: Option<Target>,
}

impl Board {
    fn new(lanes: Vec<Option<Arc<StratumJob>>>) -> Self {
        let easiest_block = lanes.iter().flatten().map(|job| job.block_target()).max();
        Self {
            lanes,
            easiest_block,
        }
    }

    /// The job for the session of this rank; `None` if no work is live.
    pub fn pick(&self, rank: u32) -> Option<&Arc<StratumJob>> {
        let lanes = u32::try_from(self.lanes.len())
            .ok()
            .filter(|&lanes| lanes > 0)?;
        if let Some(job) = &self.lanes[(rank % lanes) as usize] {
            return Some(job);
        }
        let mut live = self.lanes.iter().flatten();
        let count = live.clone().count();
        // Those of an empty lane are spread over the others.
        live.nth((rank / lanes) as usize % count.max(1))
    }

    /// Whether the work of this key is live.
    pub(crate) fn has(&self, key: u64) -> bool {
        let mut live = self.lanes.iter().flatten();
        live.any(|job| job.origin().key() == key)
    }

    /// The easiest target of a block among the live works.
    pub fn easiest_block_target(&self) -> Option<Target> {
        self.easiest_block
    }
}

/// The boards of all slices.
#[derive(Debug)]
pub struct Boards {
    ids: Arc<JobIds>,
    lanes: Vec<Option<Arc<Origin>>>,
    slices: Vec<Arc<Board>>,
}

impl Boards {
    /// Empty boards for so many slices.
    pub fn new(ids: Arc<JobIds>, slices: usize) -> Self {
        Self {
            ids,
            lanes: Vec::new(),
            slices: vec![Arc::default(); slices],
        }
    }

    /// The board of a slice.
    pub fn board(&self, slice: usize) -> &Arc<Board> {
        &self.slices[slice]
    }

    /// Takes in that these works and no others are live, the newest first. All boards are new.
    pub fn set_works(&mut self, now: Instant, works: &[LiveWork]) {
        for lane in &mut self.lanes {
            lane.take_if(|origin| works.iter().all(|work| work.key != origin.key()))
                .inspect(|origin| origin.end(now));
        }
        let mut fresh: Vec<Option<Arc<StratumJob>>> = vec![None; self.lanes.len()];
        for work in works {
            let is_known = |lane: &Option<Arc<Origin>>| {
                lane.as_ref().is_some_and(|origin| origin.key() == work.key)
            };
            if self.lanes.iter().any(is_known) {
                continue;
            }
            let origin = Arc::new(Origin::new(work.clone()));
            let job = Arc::new(StratumJob::new(self.ids.next(), &origin, now));
            match self.lanes.iter().position(Option::is_none) {
                Some(empty) => {
                    self.lanes[empty] = Some(origin);
                    fresh[empty] = Some(job);
                }
                None => {
                    self.lanes.push(Some(origin));
                    fresh.push(Some(job));
                }
            }
        }
        // The number of lanes never falls: sessions on the lanes that are left would change theirs.
        for board in &mut self.slices {
            let lanes = self.lanes.iter().enumerate().map(|(lane, origin)| {
                origin.as_ref()?;
                let kept = board.lanes.get(lane).and_then(Option::as_ref);
                fresh[lane].as_ref().or(kept).map(Arc::clone)
            });
            *board = Arc::new(Board::new(lanes.collect()));
        }
    }

    /// Stamps the jobs of one slice anew.
    pub fn refresh(&mut self, now: Instant, slice: usize) {
        let lanes = self.lanes.iter().map(|origin| {
            let origin = origin.as_ref()?;
            Some(Arc::new(StratumJob::new(self.ids.next(), origin, now)))
        });
        self.slices[slice] = Arc::new(Board::new(lanes.collect()));
    }
}
