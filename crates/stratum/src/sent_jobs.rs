//! The jobs sent to a session, and the validation of shares against them.
//!
//! A solution is reported also if its share is refused, and also for a job that the client did not
//! name: the Antminer KA3 may hash a new header under the id of an older job. Only then is the
//! share accepted or refused. Messages and clients are not known here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Nonce, PowHash, Target};

use crate::job::{Recorded, StratumJob};
use crate::job_id::JobId;
use crate::message::Refusal;
use crate::share_target::ShareTarget;
use crate::stats::Freshness;
use crate::template::Novelty;

/// The most jobs kept for a session. At one job a second no device lags as far behind.
pub(crate) const KEPT_JOBS: usize = 10;

/// A job, and the share target in force when it was sent.
#[derive(Debug)]
struct SentJob {
    job: Arc<StratumJob>,
    required: Arc<ShareTarget>,
}

/// The last jobs sent to a session. A ring in place: each share reads the newest.
#[derive(Debug, Default)]
pub(crate) struct SentJobs {
    ring: [Option<SentJob>; KEPT_JOBS],
    /// The place of the newest; older ones follow.
    newest: usize,
}

/// The hashes of the kept jobs with one nonce, in the order of the jobs.
pub(crate) struct Hashes {
    nonce: Nonce,
    /// `None` for jobs that the share cannot belong to.
    by_job: [Option<PowHash>; KEPT_JOBS],
    /// The index of the job that the client named.
    named: Option<usize>,
}

/// What the verdict on a share depends on besides its job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShareContext<'a> {
    pub(crate) now: Instant,
    /// The share target in force; `None` before the first.
    pub(crate) current: Option<&'a ShareTarget>,
    /// The share target before it, within its grace period.
    pub(crate) previous: Option<&'a ShareTarget>,
    /// How long shares are accepted after their work was retired.
    pub(crate) grace: Duration,
}

/// An accepted share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The index of its job.
    pub(crate) index: usize,
    /// The share target that it meets.
    pub(crate) required: ShareTarget,
    /// The difficulty of its hash.
    pub(crate) achieved: Difficulty,
    /// The difficulty of its block.
    pub(crate) block: Difficulty,
    pub(crate) freshness: Freshness,
}

impl SentJobs {
    pub(crate) fn push(&mut self, job: Arc<StratumJob>, required: Arc<ShareTarget>) {
        self.newest = self.newest.checked_sub(1).unwrap_or(KEPT_JOBS - 1);
        self.ring[self.newest] = Some(SentJob { job, required });
    }

    /// Returns the jobs, newest first.
    fn kept(&self) -> impl Iterator<Item = &SentJob> {
        let (oldest, newest) = self.ring.split_at(self.newest);
        newest.iter().chain(oldest).map_while(Option::as_ref)
    }

    /// Returns the job sent last.
    pub(crate) fn newest(&self) -> Option<&Arc<StratumJob>> {
        self.kept().next().map(|sent| &sent.job)
    }

    /// Returns the job of an index and the share target in force when it was sent.
    pub(crate) fn get(&self, index: usize) -> Option<(&StratumJob, &ShareTarget)> {
        let sent = self.kept().nth(index)?;
        Some((&sent.job, &sent.required))
    }

    /// Returns the index of a job.
    pub(crate) fn index(&self, id: JobId) -> Option<usize> {
        self.kept().position(|sent| sent.job.id() == id)
    }

    /// Hashes the kept jobs with `nonce`, and calls `on_solution` for each job that this solves
    /// for the first time.
    ///
    /// A share that is good enough for the job that the client named belongs to it, except by luck
    /// at very low difficulties. Only newer jobs are tried then, since devices send new headers
    /// under old ids and not the reverse; otherwise all are.
    pub(crate) fn solve(
        &self,
        named: Option<JobId>,
        nonce: Nonce,
        context: ShareContext<'_>,
        mut on_solution: impl FnMut(&StratumJob, Difficulty),
    ) -> Hashes {
        let named = named.and_then(|id| self.index(id));
        let mut by_job = [None; KEPT_JOBS];
        let mut hash = |index: usize, job: &StratumJob| {
            let hash = job.hash_with(nonce);
            if job.block_target().is_met_by(&hash) && job.record_solution(nonce) == Novelty::New {
                on_solution(job, difficulty(&hash));
            }
            by_job[index] = Some(hash);
            hash
        };
        let is_share = named.is_some_and(|index| {
            self.kept().nth(index).is_some_and(|sent| {
                let hash = hash(index, &sent.job);
                sent.target_met_by(&hash, context).is_some()
            })
        });
        let others = match named {
            Some(index) if is_share => index,
            _ => KEPT_JOBS,
        };
        for (index, sent) in self.kept().enumerate().take(others) {
            if Some(index) != named {
                hash(index, &sent.job);
            }
        }
        Hashes {
            nonce,
            by_job,
            named,
        }
    }

    /// Validates a share by its hashes, and records it on its job if it is accepted.
    pub(crate) fn validate(
        &self,
        share: &Hashes,
        context: ShareContext<'_>,
    ) -> Result<Accepted, Refusal> {
        let validate = |(index, sent): (usize, &SentJob)| {
            let hash = share.by_job[index].as_ref()?;
            sent.validate(index, share.nonce, hash, context)
        };
        let named = share
            .named
            .and_then(|index| self.kept().enumerate().nth(index));
        if let Some(verdict) = named.and_then(validate) {
            return verdict;
        }
        let named = named.map(|(_, sent)| sent);
        if named.is_some_and(|sent| sent.job.has_share(share.nonce)) {
            return Err(Refusal::Duplicate);
        }
        let mut others = self
            .kept()
            .enumerate()
            .filter(|&(index, _)| Some(index) != share.named);
        if let Some(verdict) = others.find_map(validate) {
            return verdict;
        }
        let hash = share.named.and_then(|index| share.by_job[index].as_ref());
        Err(match named.zip(hash) {
            None => Refusal::JobNotFound,
            Some((sent, hash)) => sent.refuse(share.nonce, hash, context),
        })
    }
}

/// Returns the expected number of hashes until one as low as this.
pub(crate) fn difficulty(hash: &PowHash) -> Difficulty {
    Target::from_le_bytes(*hash.as_le_bytes()).difficulty()
}

impl SentJob {
    /// Returns `None` if the hash meets no share target of this job, or the job is stale.
    fn validate(
        &self,
        index: usize,
        nonce: Nonce,
        hash: &PowHash,
        context: ShareContext<'_>,
    ) -> Option<Result<Accepted, Refusal>> {
        let required = self.target_met_by(hash, context)?;
        let freshness = self.freshness(context)?;
        Some(match self.job.record_share(nonce) {
            Recorded::New => Ok(Accepted {
                index,
                required: *required,
                achieved: difficulty(hash),
                block: self.job.template().difficulty(),
                freshness,
            }),
            Recorded::Duplicate => Err(Refusal::Duplicate),
            Recorded::Full => Err(Refusal::JobFull),
        })
    }

    /// Refuses a share that cannot be accepted. One of stale work is recorded: it is work, but
    /// once, if its hash meets a share target.
    fn refuse(&self, nonce: Nonce, hash: &PowHash, context: ShareContext<'_>) -> Refusal {
        if self.target_met_by(hash, context).is_none() || self.freshness(context).is_some() {
            return Refusal::LowDifficulty;
        }
        match self.job.record_share(nonce) {
            Recorded::New => Refusal::Stale,
            Recorded::Duplicate => Refusal::Duplicate,
            Recorded::Full => Refusal::JobFull,
        }
    }

    /// Returns the first share target that the hash meets: the job's, the current, the previous.
    fn target_met_by<'a>(
        &'a self,
        hash: &PowHash,
        context: ShareContext<'a>,
    ) -> Option<&'a ShareTarget> {
        let targets = [Some(&*self.required), context.current, context.previous];
        targets
            .into_iter()
            .flatten()
            .find(|required| required.target.is_met_by(hash))
    }

    /// Returns `None` if the job's work was retired longer ago than the grace period.
    fn freshness(&self, context: ShareContext<'_>) -> Option<Freshness> {
        match self.job.template().retired_for(context.now) {
            None => Some(Freshness::Current),
            Some(retired) if retired <= context.grace => Some(Freshness::Late),
            Some(_) => None,
        }
    }
}
