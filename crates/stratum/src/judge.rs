//! What a share is worth: the jobs that a session was sent, and the order in which a nonce is held against them.
//!
//! A block goes out whatever else is true of the share, also one for a job that the client did not name: a device may
//! hash one header under another job's name. Only then comes the question whether the share counts. Nothing here
//! knows a message or who the client is.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Nonce, PowHash, Target};

use crate::job::Noted;
use crate::message::Refusal;
use crate::{Freshness, JobId, Novelty, StratumJob};

/// The most jobs that are kept for a session: at one a second far more than any device is late by.
pub(crate) const KEPT_JOBS: usize = 10;

/// A share target with the effort that it stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShareTarget {
    pub(crate) target: Target,
    pub(crate) difficulty: Difficulty,
}

impl ShareTarget {
    fn new(target: Target) -> Self {
        Self {
            target,
            difficulty: target.difficulty(),
        }
    }
}

/// The share targets of all levels, each made when it is first asked for: nearly all sessions have one of them, so that
/// they take no memory of their own.
#[derive(Debug)]
pub struct ShareTargets([OnceLock<Arc<ShareTarget>>; LEVELS]);

/// From 0 to 256 leading zero bits.
const LEVELS: usize = 257;

impl Default for ShareTargets {
    fn default() -> Self {
        Self([const { OnceLock::new() }; LEVELS])
    }
}

impl ShareTargets {
    pub(crate) fn get(&self, target: Target) -> Arc<ShareTarget> {
        let new = || Arc::new(ShareTarget::new(target));
        let level = target.level();
        if level.target() == target {
            Arc::clone(self.0[usize::from(level.bits())].get_or_init(new))
        } else {
            new()
        }
    }
}

/// A job with the share target that was in force when it was sent.
#[derive(Debug)]
struct Sent {
    job: Arc<StratumJob>,
    asked: Arc<ShareTarget>,
}

/// The jobs that a session was sent last, the newest first. In place: the newest is looked at for every share.
#[derive(Debug, Default)]
pub(crate) struct SentJobs([Option<Sent>; KEPT_JOBS]);

/// The hashes of the kept jobs with one nonce, in the order of the jobs, and which of them the client named.
pub(crate) struct Hashes {
    nonce: Nonce,
    /// `None` for those that the share cannot be for.
    by_job: [Option<PowHash>; KEPT_JOBS],
    named: Option<usize>,
}

/// What holds for a share besides its job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Instant,
    /// The share target in force; `None` before the first.
    pub(crate) current: Option<&'a ShareTarget>,
    /// The one before, if it may still be in use.
    pub(crate) previous: Option<&'a ShareTarget>,
    /// How long shares count for a work that is worth nothing any more.
    pub(crate) grace: Duration,
}

/// A share that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The difficulty that it was asked for.
    pub(crate) asked: Difficulty,
    /// The difficulty of its hash.
    pub(crate) found: Difficulty,
    pub(crate) freshness: Freshness,
}

impl SentJobs {
    pub(crate) fn push(&mut self, job: Arc<StratumJob>, asked: Arc<ShareTarget>) {
        self.0.rotate_right(1);
        self.0[0] = Some(Sent { job, asked });
    }

    fn kept(&self) -> impl Iterator<Item = &Sent> {
        self.0.iter().map_while(Option::as_ref)
    }

    /// The job that was sent last.
    pub(crate) fn newest(&self) -> Option<&Arc<StratumJob>> {
        self.kept().next().map(|sent| &sent.job)
    }

    fn place(&self, id: JobId) -> Option<usize> {
        self.kept().position(|sent| sent.job.id() == id)
    }

    /// Hashes the kept jobs with `nonce`, and gives each of which this is a solution that has not been told.
    ///
    /// A hash that is good enough for the job that the client named is that job's, but for luck where shares are very
    /// easy. Then only newer jobs are tried, as their headers are what goes under an older name; otherwise all are.
    pub(crate) fn solve(
        &self,
        named: Option<JobId>,
        nonce: Nonce,
        circumstances: Circumstances<'_>,
        mut solved: impl FnMut(&StratumJob, Difficulty),
    ) -> Hashes {
        let named = named.and_then(|id| self.place(id));
        let mut by_job = [None; KEPT_JOBS];
        let mut hash = |place: usize, job: &StratumJob| {
            let hash = job.hash_with(nonce);
            if job.block_target().is_met_by(&hash) && job.solve(nonce) == Novelty::New {
                solved(job, difficulty(&hash));
            }
            by_job[place] = Some(hash);
            hash
        };
        let is_share = named.is_some_and(|place| {
            self.kept().nth(place).is_some_and(|sent| {
                let hash = hash(place, &sent.job);
                sent.asked_for(&hash, circumstances).is_some()
            })
        });
        let others = match named {
            Some(place) if is_share => place,
            _ => KEPT_JOBS,
        };
        for (place, sent) in self.kept().enumerate().take(others) {
            if Some(place) != named {
                hash(place, &sent.job);
            }
        }
        Hashes {
            nonce,
            by_job,
            named,
        }
    }

    /// Judges a share by its hashes and notes it if it counts.
    pub(crate) fn judge(
        &self,
        share: &Hashes,
        circumstances: Circumstances<'_>,
    ) -> Result<Accepted, Refusal> {
        let judge = |(place, sent): (usize, &Sent)| {
            let hash = share.by_job[place].as_ref()?;
            sent.judge(share.nonce, hash, circumstances)
        };
        let named = share
            .named
            .and_then(|place| self.kept().enumerate().nth(place));
        if let Some(judgement) = named.and_then(judge) {
            return judgement;
        }
        let named = named.map(|(_, sent)| sent);
        if named.is_some_and(|sent| sent.job.has(share.nonce)) {
            return Err(Refusal::Duplicate);
        }
        let mut others = self
            .kept()
            .enumerate()
            .filter(|&(place, _)| Some(place) != share.named);
        if let Some(judgement) = others.find_map(judge) {
            return judgement;
        }
        Err(match named {
            None => Refusal::JobNotFound,
            Some(sent) if sent.freshness(circumstances).is_none() => Refusal::Stale,
            Some(_) => Refusal::LowDifficulty,
        })
    }
}

/// The expected number of hashes until one as good as this.
fn difficulty(hash: &PowHash) -> Difficulty {
    Target::from_le_bytes(*hash.as_le_bytes()).difficulty()
}

impl Sent {
    /// `None` if the share is not for this job, or too late for it.
    fn judge(
        &self,
        nonce: Nonce,
        hash: &PowHash,
        circumstances: Circumstances<'_>,
    ) -> Option<Result<Accepted, Refusal>> {
        let asked = self.asked_for(hash, circumstances)?;
        let freshness = self.freshness(circumstances)?;
        Some(match self.job.note(nonce) {
            Noted::New => Ok(Accepted {
                asked: asked.difficulty,
                found: difficulty(hash),
                freshness,
            }),
            Noted::Duplicate => Err(Refusal::Duplicate),
            Noted::Full => Err(Refusal::Crowded),
        })
    }

    /// The target under which a share with this hash counts.
    fn asked_for<'a>(
        &'a self,
        hash: &PowHash,
        circumstances: Circumstances<'a>,
    ) -> Option<&'a ShareTarget> {
        let targets = [
            Some(&*self.asked),
            circumstances.current,
            circumstances.previous,
        ];
        targets
            .into_iter()
            .flatten()
            .find(|asked| asked.target.is_met_by(hash))
    }

    /// `None` if it is too late for shares.
    fn freshness(&self, circumstances: Circumstances<'_>) -> Option<Freshness> {
        match self.job.origin().ended_for(circumstances.now) {
            None => Some(Freshness::Current),
            Some(ended) if ended <= circumstances.grace => Some(Freshness::Superseded),
            Some(_) => None,
        }
    }
}
