//! A job for tests of what does not ask for more than that it is one.

use std::sync::Arc;
use std::time::Instant;

use chainweb::{Nonce, Target};

use crate::job::{Job, JobId, NodeId};

/// A job of this number, which about every second nonce solves.
pub(super) fn job(id: u64) -> Arc<Job> {
    let mut target = [0xff; 32];
    target[31] = 0x7f;
    Arc::new(Job {
        id: JobId(id),
        node: NodeId(0),
        work: fixtures::work(0, id, Target::from_le_bytes(target)),
        received: Instant::now(),
    })
}

/// Nonces for the job's own header.
pub(super) struct Nonces {
    /// Solves it, with its bytes in this order alone.
    pub(super) good: Nonce,
    /// The good one with its bytes in the other order.
    pub(super) reversed: Nonce,
    /// Solves it in neither order.
    pub(super) bad: Nonce,
}

/// One nonce of each kind.
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
            .expect("every fourth is one")
    };
    let good = find(true, false);
    Nonces {
        good,
        reversed: reversed(good),
        bad: find(false, false),
    }
}
