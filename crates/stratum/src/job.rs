//! A job: work under one creation time, as sent to devices.
//!
//! Its bytes never change: another creation time makes another job with another id. All sessions
//! share the `mining.notify` line. Submitted nonces are recorded here and not in a session, so a
//! share counts once however often its device reconnects.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use chainweb::{CreationTime, Nonce, PowHash, Target};
use foldhash::fast::RandomState;
use pow::Prepared;

use crate::job_id::JobId;
use crate::message::notification;
use crate::template::{Novelty, Template};

/// The most shares that one job accepts: far more than come in its second or so.
const MAX_SHARES: usize = 1 << 20;

/// A job.
pub struct StratumJob {
    id: JobId,
    template: Arc<Template>,
    creation_time: CreationTime,
    prepared: Prepared,
    notify: Bytes,
    // Locked for one operation on the set; only sessions of one slice share it.
    shares: Mutex<HashSet<Nonce, RandomState>>,
}

/// The result of recording a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    New,
    Duplicate,
    /// The job accepts no more shares.
    Full,
}

impl StratumJob {
    /// Creates a job whose creation time is that of `template` at `now`.
    pub fn new(id: JobId, template: &Arc<Template>, now: Instant) -> Self {
        let header = template.stamp(now);
        Self {
            id,
            creation_time: header.creation_time(),
            prepared: Prepared::new(&header, &template.block_target()),
            notify: notification::notify(id, &header).into(),
            template: Arc::clone(template),
            shares: Mutex::default(),
        }
    }

    /// Returns the job id.
    pub fn id(&self) -> JobId {
        self.id
    }

    pub(crate) fn template(&self) -> &Arc<Template> {
        &self.template
    }

    pub(crate) fn creation_time(&self) -> CreationTime {
        self.creation_time
    }

    /// Returns the largest hash of a block.
    pub(crate) fn block_target(&self) -> Target {
        self.template.block_target()
    }

    /// Returns its `mining.notify` line, newline included.
    pub(crate) fn notify(&self) -> &Bytes {
        &self.notify
    }

    /// Returns the hash of the header with this nonce.
    pub(crate) fn hash_with(&self, nonce: Nonce) -> PowHash {
        self.prepared.hash_with(nonce)
    }

    pub(crate) fn record_solution(&self, nonce: Nonce) -> Novelty {
        self.template.record_solution(self.creation_time, nonce)
    }

    /// Whether a share with this nonce was recorded.
    pub(crate) fn has_share(&self, nonce: Nonce) -> bool {
        self.shares().contains(&nonce)
    }

    pub(crate) fn record_share(&self, nonce: Nonce) -> Recorded {
        let mut shares = self.shares();
        if shares.len() >= MAX_SHARES {
            if shares.contains(&nonce) {
                Recorded::Duplicate
            } else {
                Recorded::Full
            }
        } else if shares.insert(nonce) {
            Recorded::New
        } else {
            Recorded::Duplicate
        }
    }

    fn shares(&self) -> std::sync::MutexGuard<'_, HashSet<Nonce, RandomState>> {
        // No panic leaves the set half changed.
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StratumJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StratumJob")
            .field("id", &self.id)
            .field("work", &self.template.key())
            .field("creation_time", &self.creation_time)
            .finish_non_exhaustive()
    }
}
