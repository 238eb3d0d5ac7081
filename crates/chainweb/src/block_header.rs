//! A header with its block hash.

use crate::{BlockHash, HeaderError, WorkHeader};

/// A complete block header: the bytes hashed for the proof of work, then the block hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    work: WorkHeader,
    hash: BlockHash,
}

impl BlockHeader {
    /// Adds the block hash to a header. Returns `None` if the header has only a hash over its
    /// adjacent blocks.
    pub fn seal(work: WorkHeader) -> Option<Self> {
        let hash = work.block_hash()?;
        Some(Self { work, hash })
    }

    /// Decodes a header of 210 + 36·n bytes, without a check of the block hash; see
    /// [`hash_is_valid`](Self::hash_is_valid).
    ///
    /// # Errors
    /// If the bytes before the hash are not a work header.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (work, hash) = bytes
            .split_last_chunk()
            .ok_or(HeaderError::Length(bytes.len()))?;
        Ok(Self {
            work: WorkHeader::decode(work)?,
            hash: BlockHash::new(*hash),
        })
    }

    /// Returns all bytes: the work header, then the hash.
    pub fn encode(&self) -> Vec<u8> {
        [self.work.as_bytes(), self.hash.as_bytes()].concat()
    }

    /// Returns the header without the hash.
    pub fn work(&self) -> &WorkHeader {
        &self.work
    }

    /// Returns the recorded hash.
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Whether the recorded hash is the hash of the fields.
    pub fn hash_is_valid(&self) -> bool {
        self.work.block_hash() == Some(self.hash)
    }
}
