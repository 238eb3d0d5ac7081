//! Jobs and nonces for the tests of this worker.

use std::sync::Arc;
use std::time::Instant;

use chainweb::{Nonce, Target};

use super::scheduler::IssuedWork;
use crate::job::Job;
use crate::worker::sample;

/// A job with this id, solved by about every second nonce.
pub(super) fn job(id: u64) -> Arc<Job> {
    let mut target = [0xff; 32];
    target[31] = 0x7f;
    sample::job(id, Target::from_le_bytes(target), Instant::now())
}

/// The work of a job with the job's own header.
pub(super) fn issued(job: &Arc<Job>) -> IssuedWork {
    IssuedWork {
        job: Arc::clone(job),
        header: job.work.header().clone(),
    }
}

/// Nonces for the job's own header.
pub(super) struct Nonces {
    /// Solves the job in this byte order only.
    pub(super) good: Nonce,
    /// `good` with its bytes reversed.
    pub(super) reversed: Nonce,
    /// Does not solve the job in either byte order.
    pub(super) bad: Nonce,
}

/// Returns a nonce of each kind.
pub(super) fn nonces(job: &Job) -> Nonces {
    let reversed = |nonce: Nonce| Nonce::new(nonce.get().swap_bytes());
    let solves = |nonce: Nonce| {
        let header = job.work.header().with_nonce(nonce);
        pow::verify(&header, &job.work.target())
    };
    let find = |straight: bool, back: bool| {
        let mut nonces = (0x0102_0304_0506_0708..).map(Nonce::new);
        nonces
            .find(|nonce| (solves(*nonce), solves(reversed(*nonce))) == (straight, back))
            .expect("every fourth nonce is one")
    };
    let good = find(true, false);
    Nonces {
        good,
        reversed: reversed(good),
        bad: find(false, false),
    }
}
