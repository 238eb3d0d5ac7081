//! What a node hands out to be mined.
//!
//! The answer of `/mining/work` is the chain (4 bytes), the target (32) and the header (`encodeWorkHeader`,
//! chainweb-node `src/Chainweb/Cut/Create.hs`). Chain and target stand in the header a second time: bytes in which
//! they differ are refused, and so is a target that no hash can meet.

use crate::{ChainId, HeaderError, Target, WorkHeader};

/// Why bytes are not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// Too short for chain and target.
    #[error("work has at least 214 bytes (322 on all public networks), this has {0}")]
    Length(usize),
    /// The header is malformed.
    #[error("malformed work of {length} bytes")]
    Header {
        /// Length of the whole work.
        length: usize,
        /// What is wrong with the header.
        #[source]
        source: HeaderError,
    },
    /// The prefix names another chain than the header.
    #[error("the work is for chain {prefix}, its header says chain {header}")]
    Chain {
        /// The chain in front of the header.
        prefix: ChainId,
        /// The chain in the header.
        header: ChainId,
    },
    /// The prefix states another target than the header.
    #[error("the target of the work, {prefix}, differs from the one in its header, {header}")]
    Target {
        /// The target in front of the header.
        prefix: Target,
        /// The target in the header.
        header: Target,
    },
    /// No hash but zero meets the target.
    #[error("the target of the work is 0: it cannot be solved")]
    Unsolvable,
}

/// Work: a header to find a nonce for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    header: WorkHeader,
}

impl Work {
    /// The length in bytes of what a node puts in front of the header: chain and target.
    pub const PREFIX_LENGTH: usize = 4 + 32;

    /// The work with this header.
    pub fn new(header: WorkHeader) -> Result<Self, WorkError> {
        if header.target().is_zero() {
            Err(WorkError::Unsolvable)
        } else {
            Ok(Self { header })
        }
    }

    /// Reads `4 + 32 + L` bytes as a node sends them.
    pub fn decode(bytes: &[u8]) -> Result<Self, WorkError> {
        let length = bytes.len();
        let (prefix, header) = bytes
            .split_first_chunk::<{ Self::PREFIX_LENGTH }>()
            .ok_or(WorkError::Length(length))?;
        let header =
            WorkHeader::decode(header).map_err(|source| WorkError::Header { length, source })?;
        let (chain, target) = prefix.split_first_chunk::<4>().expect("36 bytes");
        let chain = ChainId::from_le_bytes(*chain);
        let target = Target::from_le_bytes(target.try_into().expect("32 bytes"));
        if chain != header.chain() {
            return Err(WorkError::Chain {
                prefix: chain,
                header: header.chain(),
            });
        }
        if target != header.target() {
            return Err(WorkError::Target {
                prefix: target,
                header: header.target(),
            });
        }
        Self::new(header)
    }

    /// The bytes that a node sends for this work.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::PREFIX_LENGTH + self.header.as_bytes().len());
        bytes.extend_from_slice(&self.chain().to_le_bytes());
        bytes.extend_from_slice(&self.target().to_le_bytes());
        bytes.extend_from_slice(self.header.as_bytes());
        bytes
    }

    /// The header to be solved.
    pub fn header(&self) -> &WorkHeader {
        &self.header
    }

    /// The chain that the block extends.
    pub fn chain(&self) -> ChainId {
        self.header.chain()
    }

    /// The target to be met; never zero.
    pub fn target(&self) -> Target {
        self.header.target()
    }
}
