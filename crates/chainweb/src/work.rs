//! Mining work, as a node sends it.
//!
//! The response to `/mining/work` is the chain (4 bytes), the target (32) and the header
//! (`encodeWorkHeader`, kadena-io/chainweb-node `src/Chainweb/Cut/Create.hs`). The header repeats
//! chain and target. Work in which they differ is an error, as is a target of zero.

use crate::{ChainId, HeaderError, Target, WorkHeader};

/// The error of decoding work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// Too short for chain and target.
    #[error("work has at least 214 bytes (322 on all public networks), not {0}")]
    Length(usize),
    /// The header is malformed.
    #[error("malformed work of {length} bytes")]
    Header {
        /// Length of the whole work.
        length: usize,
        /// The error of the header.
        #[source]
        source: HeaderError,
    },
    /// The prefix and the header differ in the chain.
    #[error("the work is for chain {prefix}, but its header is for chain {header}")]
    Chain {
        /// The chain before the header.
        prefix: ChainId,
        /// The chain in the header.
        header: ChainId,
    },
    /// The prefix and the header differ in the target.
    #[error("the target of the work, {prefix}, differs from the one in its header, {header}")]
    Target {
        /// The target before the header.
        prefix: Target,
        /// The target in the header.
        header: Target,
    },
    /// The target is zero.
    #[error("the target of the work is 0: it cannot be solved")]
    Unsolvable,
}

/// Work: a header to find a nonce for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    header: WorkHeader,
}

impl Work {
    /// The length in bytes of chain and target, which a node sends before the header.
    pub const PREFIX_LENGTH: usize = 4 + 32;

    /// Returns the work with this header.
    ///
    /// # Errors
    /// If the target is zero.
    pub fn new(header: WorkHeader) -> Result<Self, WorkError> {
        if header.target().is_zero() {
            Err(WorkError::Unsolvable)
        } else {
            Ok(Self { header })
        }
    }

    /// Decodes the `4 + 32 + L` bytes of a node's response, with a header of `L` bytes.
    ///
    /// # Errors
    /// If the header is malformed, chain or target differ from the header's, or the target is zero.
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

    /// Returns the bytes of a node's response with this work.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::PREFIX_LENGTH + self.header.as_bytes().len());
        bytes.extend_from_slice(&self.chain().to_le_bytes());
        bytes.extend_from_slice(&self.target().to_le_bytes());
        bytes.extend_from_slice(self.header.as_bytes());
        bytes
    }

    /// Returns the header to solve.
    pub fn header(&self) -> &WorkHeader {
        &self.header
    }

    /// Returns the chain of the block.
    pub fn chain(&self) -> ChainId {
        self.header.chain()
    }

    /// Returns the target, never zero.
    pub fn target(&self) -> Target {
        self.header.target()
    }
}
