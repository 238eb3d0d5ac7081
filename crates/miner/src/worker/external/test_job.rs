//! A job for tests of what does not ask for more than that it is one.

use std::sync::Arc;
use std::time::Instant;

use chainweb::{
    BlockHash, ChainId, CreationTime, HeaderFields, Nonce, PayloadHash, Target, Weight, Work,
};

use crate::job::{Job, JobId, NodeId};

/// A job of this number, which about every second nonce solves.
pub(super) fn job(id: u64) -> Arc<Job> {
    let mut target = [0xff; 32];
    target[31] = 0x7f;
    let header = HeaderFields {
        flags: [0; 8],
        creation_time: CreationTime::from_micros(1_000_000),
        parent: BlockHash::new([0; 32]),
        adjacents: [1, 2, 3]
            .map(|chain| (ChainId::new(chain), BlockHash::new([0; 32])))
            .into(),
        target: Target::from_le_bytes(target),
        payload_hash: PayloadHash::new([0; 32]),
        chain: ChainId::new(0),
        weight: Weight::from_le_bytes([0; 32]),
        height: id,
        version_code: 5,
        epoch_start: CreationTime::from_micros(0),
        nonce: Nonce::new(0),
    };
    Arc::new(Job {
        id: JobId(id),
        node: NodeId(0),
        work: Work::new(header.encode()).expect("the target is not zero"),
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
