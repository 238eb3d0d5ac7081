//! A work under one creation time, as it is handed to devices.
//!
//! Its bytes never change: another time is another job with another id. The line that hands it out is built once and
//! shared by all sessions. The nonces that were handed in are kept here and not in a session, so that a share counts
//! once, however often its device reconnects.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use chainweb::{CreationTime, Nonce, PowHash, Target};
use foldhash::fast::RandomState;
use pow::Prepared;

use crate::message::notification;
use crate::{JobId, Novelty, Origin};

/// The most shares that one job takes: far more than come in its second or so, whatever the devices.
const MAX_SHARES: usize = 1 << 20;

/// A job.
pub struct StratumJob {
    id: JobId,
    origin: Arc<Origin>,
    creation_time: CreationTime,
    prepared: Prepared,
    notify: Bytes,
    // Held for one look at the set; sessions of one slice alone meet here.
    shares: Mutex<HashSet<Nonce, RandomState>>,
}

/// What became of a nonce that was to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It is new.
    New,
    /// It was there.
    Duplicate,
    /// The job takes no more.
    Full,
}

impl StratumJob {
    /// Makes a job of a work as it is at `now`.
    pub fn new(id: JobId, origin: &Arc<Origin>, now: Instant) -> Self {
        let header = origin.stamp(now);
        Self {
            id,
            creation_time: header.creation_time(),
            prepared: Prepared::new(&header, &origin.block_target()),
            notify: notification::notify(id, &header).into(),
            origin: Arc::clone(origin),
            shares: Mutex::default(),
        }
    }

    /// Its name on the wire.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The work that it is made of.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// The time in its header.
    pub fn creation_time(&self) -> CreationTime {
        self.creation_time
    }

    /// The target of a block.
    pub fn block_target(&self) -> Target {
        self.origin.block_target()
    }

    /// The line that hands it out.
    pub fn notify(&self) -> &Bytes {
        &self.notify
    }

    /// The hash of its header with this nonce.
    pub fn hash_with(&self, nonce: Nonce) -> PowHash {
        self.prepared.hash_with(nonce)
    }

    /// Remembers a solution; it is known if it was told before.
    pub(crate) fn solve(&self, nonce: Nonce) -> Novelty {
        self.origin.solve(self.creation_time, nonce)
    }

    /// Whether this nonce was noted.
    pub(crate) fn has(&self, nonce: Nonce) -> bool {
        self.shares().contains(&nonce)
    }

    /// Notes a nonce that was handed in.
    pub(crate) fn note(&self, nonce: Nonce) -> Noted {
        let mut shares = self.shares();
        if shares.len() >= MAX_SHARES {
            if shares.contains(&nonce) {
                Noted::Duplicate
            } else {
                Noted::Full
            }
        } else if shares.insert(nonce) {
            Noted::New
        } else {
            Noted::Duplicate
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
            .field("work", &self.origin.key())
            .field("creation_time", &self.creation_time)
            .finish_non_exhaustive()
    }
}
