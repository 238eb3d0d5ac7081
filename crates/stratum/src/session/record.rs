//! What the log of shares contains about a share.

use std::sync::Arc;
use std::time::Instant;

use super::Session;
use super::outbox::Solution;
use super::text::parse_nonce2;
use crate::job_id::JobId;
use crate::message::Refusal;
use crate::sent_jobs::{Accepted, difficulty};
use crate::share_log::{LoggedShares, ShareRecord};

impl Session {
    /// Returns the record of a submission, or `None` if it is not logged. `solutions` are those
    /// that it made.
    pub(super) fn record(
        &self,
        now: Instant,
        (named, nonce2): (&str, &str),
        verdict: Result<Accepted, Refusal>,
        solutions: &[Solution],
    ) -> Option<ShareRecord> {
        let is_logged = match self.context.logged {
            LoggedShares::None => false,
            LoggedShares::Accepted => verdict.is_ok(),
            LoggedShares::All => true,
        };
        if !is_logged {
            return None;
        }
        let named = JobId::parse(named);
        let index = match verdict {
            Ok(accepted) => Some(accepted.index),
            Err(_) => named.and_then(|id| self.recent_jobs.index(id)),
        };
        let sent = index.and_then(|index| self.recent_jobs.get(index));
        let job = sent.map(|(job, _)| job);
        let nonce = self.nonce1.as_ref().and_then(|nonce1| {
            let nonce2 = parse_nonce2(nonce2, nonce1.size())?;
            Some(nonce1.with_nonce2(nonce2))
        });
        let is_of_job =
            |solution: &Solution| job.is_none_or(|job| job.template().key() == solution.key);
        Some(ShareRecord {
            received: now,
            user: Arc::clone(&self.user),
            job: job.map_or(named, |job| Some(job.id())),
            place: job.map(|job| job.template().place()),
            nonce,
            target: match verdict {
                Ok(accepted) => Some(accepted.required.target),
                Err(_) => sent.map(|(_, required)| required.target),
            },
            achieved: match verdict {
                Ok(accepted) => Some(accepted.achieved),
                Err(_) => job
                    .zip(nonce)
                    .map(|(job, nonce)| difficulty(&job.hash_with(nonce))),
            },
            verdict: verdict.map(|accepted| accepted.freshness),
            is_block: solutions.iter().any(is_of_job),
        })
    }
}
