//! What a share is worth: the jobs that a session was sent, and the order in which a nonce is held against them.
//!
//! A block goes out whatever else is true of the share, also one for a job that the client did not name: a device may
//! hash a new header under an old job's name. Only then comes the question whether the share counts. Nothing here
//! knows a message or who the client is.

use std::collections::VecDeque;
use std::sync::Arc;
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
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            difficulty: target.difficulty(),
        }
    }
}

/// A job with the share target that was in force when it was sent.
#[derive(Debug)]
struct Sent {
    job: Arc<StratumJob>,
    asked: Arc<ShareTarget>,
}

/// The jobs that a session was sent last, the newest first.
#[derive(Debug, Default)]
pub(crate) struct SentJobs(VecDeque<Sent>);

/// The hashes of the kept jobs with one nonce, in the order of the jobs, and which of them the client named.
pub(crate) struct Hashes {
    nonce: Nonce,
    by_job: [PowHash; KEPT_JOBS],
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
        if self.0.capacity() == 0 {
            // No more than it takes: there are many sessions.
            self.0.reserve_exact(KEPT_JOBS);
        }
        self.0.truncate(KEPT_JOBS - 1);
        self.0.push_front(Sent { job, asked });
    }

    /// The job that was sent last.
    pub(crate) fn newest(&self) -> Option<&Arc<StratumJob>> {
        self.0.front().map(|sent| &sent.job)
    }

    /// Whether a job of this name is kept.
    pub(crate) fn contains(&self, id: JobId) -> bool {
        self.place(id).is_some()
    }

    fn place(&self, id: JobId) -> Option<usize> {
        self.0.iter().position(|sent| sent.job.id() == id)
    }

    /// Hashes every kept job with `nonce`, and gives each of which this is a solution that has not been told.
    pub(crate) fn solve(
        &self,
        named: Option<JobId>,
        nonce: Nonce,
        mut solved: impl FnMut(&StratumJob, Difficulty),
    ) -> Hashes {
        let named = named.and_then(|id| self.place(id));
        let mut by_job = [PowHash::from_le_bytes([0xff; 32]); KEPT_JOBS];
        for (sent, hash) in self.0.iter().zip(&mut by_job) {
            *hash = sent.job.hash_with(nonce);
            if sent.job.block_target().is_met_by(hash) && sent.job.solve(nonce) == Novelty::New {
                solved(&sent.job, difficulty(hash));
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
        let named = share.named.map(|place| &self.0[place]);
        if named.is_some_and(|sent| sent.job.has(share.nonce)) {
            return Err(Refusal::Duplicate);
        }
        let others = (0..self.0.len()).filter(|&place| Some(place) != share.named);
        for place in share.named.into_iter().chain(others) {
            let judgement = self.0[place].judge(share.nonce, &share.by_job[place], circumstances);
            if let Some(judgement) = judgement {
                return judgement;
            }
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
        let targets = [
            Some(&*self.asked),
            circumstances.current,
            circumstances.previous,
        ];
        let asked = targets
            .into_iter()
            .flatten()
            .find(|asked| asked.target.is_met_by(hash))?;
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

    /// `None` if it is too late for shares.
    fn freshness(&self, circumstances: Circumstances<'_>) -> Option<Freshness> {
        match self.job.origin().ended_for(circumstances.now) {
            None => Some(Freshness::Current),
            Some(ended) if ended <= circumstances.grace => Some(Freshness::Superseded),
            Some(_) => None,
        }
    }
}
