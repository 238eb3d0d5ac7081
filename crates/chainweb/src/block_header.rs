//! A header together with the hash that names its block.

use crate::{BlockHash, HeaderError, WorkHeader};

/// A whole block header: the bytes that are hashed for the proof of work, and the block hash behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    work: WorkHeader,
    hash: BlockHash,
}

impl BlockHeader {
    /// Computes the hash of a header; `None` where the header holds only a hash over its neighbours.
    pub fn seal(work: WorkHeader) -> Option<Self> {
        let hash = work.block_hash()?;
        Some(Self { work, hash })
    }

    /// Reads a header of 210 + 36·n bytes. The hash is taken as it stands; [`hash_is_valid`](Self::hash_is_valid)
    /// checks it.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (work, hash) = bytes
            .split_last_chunk()
            .ok_or(HeaderError::Length(bytes.len()))?;
        Ok(Self {
            work: WorkHeader::decode(work)?,
            hash: BlockHash::new(*hash),
        })
    }

    /// All bytes: the work header, then the hash.
    pub fn encode(&self) -> Vec<u8> {
        [self.work.as_bytes(), self.hash.as_bytes()].concat()
    }

    /// The header without the hash.
    pub fn work(&self) -> &WorkHeader {
        &self.work
    }

    /// The hash as stated.
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Whether the stated hash is the one that the fields give.
    pub fn hash_is_valid(&self) -> bool {
        self.work.block_hash() == Some(self.hash)
    }
}
