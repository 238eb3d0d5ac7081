//! The EVM line: work with a hash over the adjacent hashes, solutions, and updates.
//!
//! The node takes only six fields from a solution, rebuilds the header from its own state, and
//! answers with 200 whether or not the solution becomes a block (`Chainweb/Cut/Create.hs`).

use std::ops::Range;

use chainweb::{Adjacents, BlockHash, ChainId, CreationTime, Nonce, PayloadHash, WorkHeader};
use sha2::{Digest, Sha512_256};

use super::Network;
use super::outcome::{Priming, Solved, Update};
use crate::config::ProofOfWork;

/// Length of all work, that of a header with three records.
const LENGTH: usize = WorkHeader::length_of_degree(RECORDS);

/// Number of equal records in work, each of chain 0.
const RECORDS: usize = 3;

/// In place of the number of records.
const MARK: [u8; 2] = [0xf0; 2];

/// Length of the fields before the records, and of those after them.
const BEFORE: usize = 48;
const AFTER: usize = 128;

// Offsets in work.
const TIME: Range<usize> = 8..16;
const PARENT: Range<usize> = 16..48;
const THIRD_ADJACENT: Range<usize> = 126..158;
const PAYLOAD: Range<usize> = 190..222;
const CHAIN: Range<usize> = 222..226;
const NONCE: Range<usize> = 278..286;

/// The state of a chain that its update streams have reported.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// The parent and the adjacent parents of the next block; `None` while the chain is blocked.
    parents: Option<Vec<BlockHash>>,
    /// Number of refreshes of the payload on these parents, if there is one.
    payload: Option<u64>,
}

/// Returns a header as it is hashed: with a hash over the adjacent hashes.
pub(super) fn hashed(header: &WorkHeader) -> WorkHeader {
    let Adjacents::Recorded(adjacents) = header.adjacents() else {
        return header.clone();
    };
    let mut digest = Sha512_256::new();
    for (_, hash) in adjacents.iter() {
        digest.update(hash.as_bytes());
    }
    let record = [[0; 4].as_slice(), &digest.finalize()].concat();
    let bytes = header.as_bytes();
    let after = &bytes[bytes.len() - AFTER..];
    let work = [&bytes[..BEFORE], &MARK, &record.repeat(RECORDS), after].concat();
    WorkHeader::decode(&work).expect("the length is that of three records")
}

fn field<const N: usize>(bytes: &[u8; LENGTH], range: Range<usize>) -> [u8; N] {
    bytes[range].try_into().expect("the range has this length")
}

impl Network {
    /// Handles a submission to `/solved`.
    pub(super) fn solve_rebuilt(&mut self, body: &[u8], now: CreationTime) -> Solved {
        let Ok(bytes) = <&[u8; LENGTH]>::try_from(body) else {
            let length = body.len();
            return self.malformed(format!("work has {LENGTH} bytes, not {length}"));
        };
        let chain = ChainId::from_le_bytes(field(bytes, CHAIN));
        if !self.slots.contains_key(&chain) {
            self.tally.malformed += 1;
            return Solved::UnknownChain;
        }
        let payload_hash = PayloadHash::new(field(bytes, PAYLOAD));
        let Some(payload) = self.payloads.get(&payload_hash).cloned() else {
            self.tally.unknown_payload += 1;
            return Solved::UnknownPayload;
        };
        let time = CreationTime::from_le_bytes(field(bytes, TIME));
        let rebuilt = self
            .next_header(chain, payload_hash, time)
            .filter(|header| {
                header.parent().as_bytes() == &bytes[PARENT]
                    && hashed(header).as_bytes()[THIRD_ADJACENT] == bytes[THIRD_ADJACENT]
            });
        let Some(header) = rebuilt else {
            self.tally.stale += 1;
            return Solved::Stale;
        };
        let nonce = Nonce::from_le_bytes(field(bytes, NONCE));
        let header = header.with_creation_time(time).with_nonce(nonce);
        if self.config.proof_of_work == ProofOfWork::Required
            && !pow::verify(&hashed(&header), &header.target())
        {
            self.tally.bad_pow += 1;
            return Solved::BadPow;
        }
        let validated = self.validate(&header, &payload, now);
        self.settle(chain, validated, payload.account, now)
    }

    /// Sends the updates due to the present state of a chain. The first payload on new parents is a
    /// refreshed block, too.
    pub(super) fn announce(&mut self, chain: ChainId) {
        let slot = &self.slots[&chain];
        if slot.priming == Priming::AlreadyMined {
            return;
        }
        let parents = self.next_parents(chain);
        let has_payload = parents.is_some() && slot.priming == Priming::Ready;
        let payload = has_payload.then_some(slot.refreshes);
        let slot = self.slot_mut(chain);
        let has_new_parents = slot.announced.parents != parents;
        if has_new_parents {
            slot.announced = Announced {
                parents,
                payload: None,
            };
        }
        let has_new_payload = payload.is_some() && slot.announced.payload != payload;
        if has_new_payload {
            slot.announced.payload = payload;
        }
        if has_new_parents {
            self.events.push((chain, Update::NewCut));
        }
        if has_new_payload {
            self.events.push((chain, Update::RefreshedBlock));
        }
    }

    /// Sends the updates of a solution that is submitted, or rolled back: no new work exists.
    pub(super) fn announce_solution(&mut self, chain: ChainId) {
        self.events.push((chain, Update::NewCut));
        self.events.push((chain, Update::RefreshedBlock));
    }

    /// Returns the hashes of the parent and the adjacent parents of a chain's next block, or `None`
    /// while the chain is blocked.
    fn next_parents(&self, chain: ChainId) -> Option<Vec<BlockHash>> {
        let height = self.slots[&chain].chain.height();
        let parents = [chain]
            .into_iter()
            .chain(self.graph().adjacents(chain).iter().copied());
        let at_height = |chain| Some(self.slots[&chain].chain.at(height)?.hash());
        parents.map(at_height).collect()
    }
}
