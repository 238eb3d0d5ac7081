//! Short forms of what nodes send: work, blocks and errors.

use std::time::Duration;

use chainweb::{BlockHash, ChainId, CreationTime, HeaderFields, PayloadHash, Target, Work};
use node::{Error, Miner, NoAnswer, Refusal};

/// The short form of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) chain: u32,
    pub(super) height: u64,
    /// Which of the blocks at the height below is its parent.
    pub(super) parent: u8,
    /// Which of the blocks of adjacent chains it records.
    pub(super) adjacent_block: u8,
    /// The first adjacent chain.
    pub(super) adjacent_chain: u32,
    pub(super) payload: char,
    pub(super) target: Target,
}

/// Work that any nonce solves, on the first block of the height below.
pub(super) const fn piece(chain: u32, height: u64, payload: char) -> Piece {
    Piece {
        chain,
        height,
        parent: 0,
        adjacent_block: 0,
        adjacent_chain: 100,
        payload,
        target: Target::MAX,
    }
}

/// One of the blocks of a chain at a height.
pub(super) fn block(chain: u32, height: u64, which: u8) -> BlockHash {
    let mut bytes = [which; 32];
    bytes[..4].copy_from_slice(&chain.to_le_bytes());
    bytes[4..12].copy_from_slice(&height.to_le_bytes());
    BlockHash::new(bytes)
}

impl Piece {
    pub(super) fn work(self, time_ms: u64) -> Work {
        let recorded = |chain| {
            (
                ChainId::new(chain),
                block(chain, self.height - 1, self.adjacent_block),
            )
        };
        let micros = i64::try_from(time_ms * 1000).expect("scripts are short");
        let fields = HeaderFields {
            creation_time: CreationTime::from_micros(micros),
            parent: block(self.chain, self.height - 1, self.parent),
            adjacents: [self.adjacent_chain, 101, 102].map(recorded).into(),
            target: self.target,
            payload_hash: PayloadHash::new([self.payload as u8; 32]),
            chain: ChainId::new(self.chain),
            height: self.height,
            ..fixtures::fields()
        };
        Work::new(fields.encode()).expect("the target is not zero")
    }
}

pub(super) fn connect() -> Error {
    NoAnswer::Connect {
        endpoint: "node".into(),
        why: "refused".into(),
        hint: None,
    }
    .into()
}

pub(super) fn broken() -> Error {
    NoAnswer::Broken {
        endpoint: "node".into(),
        why: "reset".into(),
        hint: None,
    }
    .into()
}

pub(super) fn timeout() -> Error {
    NoAnswer::Timeout {
        endpoint: "node".into(),
        after: Duration::from_secs(10),
    }
    .into()
}

pub(super) fn busy() -> Error {
    Refusal::Busy {
        status: 503,
        retry_after: None,
        text: String::new(),
    }
    .into()
}

pub(super) fn unauthorized() -> Error {
    Refusal::Unauthorized {
        sent: Miner::new(Some("ab"), None),
        text: "Unauthorized Miner: k:ab".into(),
    }
    .into()
}

pub(super) fn not_served() -> Error {
    Refusal::NotServed { path: "/".into() }.into()
}

pub(super) fn stale() -> Error {
    Refusal::Stale.into()
}

pub(super) fn invalid_pow() -> Error {
    Refusal::InvalidPow {
        text: String::new(),
    }
    .into()
}
