//! A block header without the block hash: the bytes that a miner hashes.
//!
//! A [`WorkHeader`] owns its bytes and is always well-formed: its length fits its number of
//! adjacent records. Fields are read in place. A miner may change only the creation time and the
//! nonce; the flags carry fork votes and are opaque.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::merkle::{root, tagged_leaf};
use crate::{BlockHash, ChainId, CreationTime, Nonce, PayloadHash, Target, Weight, layout};

/// The error of decoding a work header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No degree has this length.
    #[error("a work header has 178 + 36·n bytes (286 on all public networks), not {0}")]
    Length(usize),
    /// The adjacent count differs from the one implied by the length.
    #[error("a work header of {length} bytes has {expected} adjacent hashes, not {stated}")]
    AdjacentCount {
        /// Length of the header in bytes.
        length: usize,
        /// The count implied by the length.
        expected: usize,
        /// The count in bytes 48..50.
        stated: u16,
    },
    /// The adjacent records are not in ascending order of their chains.
    #[error("the adjacent hashes of a work header are not in ascending order of their chains")]
    AdjacentOrder,
}

/// A block header without its hash, of any degree.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WorkHeader(Box<[u8]>);

/// What a header records of the blocks on the adjacent chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjacents<'a> {
    /// One record per adjacent chain.
    Recorded(RecordedAdjacents<'a>),
    /// A hash over the adjacent hashes in place of the records, as in work of EVM networks. Without
    /// the records the block hash cannot be computed.
    Hashed,
}

/// The adjacent records of a header in ascending order of their chains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordedAdjacents<'a>(&'a [u8]);

impl<'a> RecordedAdjacents<'a> {
    /// Returns the adjacent chains and the hashes of their blocks.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (ChainId, BlockHash)> + Clone + use<'a> {
        self.0.chunks_exact(layout::ADJACENT_RECORD).map(|record| {
            (
                ChainId::from_le_bytes(array(&record[..4])),
                BlockHash::new(array(&record[4..])),
            )
        })
    }
}

impl fmt::Debug for RecordedAdjacents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Copies a slice whose length is known from the layout.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the layout determines the length")
}

impl WorkHeader {
    /// Returns the length in bytes of a header of this degree: 286 for degree 3, that of all public
    /// networks.
    pub const fn length_of_degree(degree: usize) -> usize {
        layout::FIXED + layout::ADJACENT_RECORD * degree
    }

    /// Decodes a header of 178 + 36·n bytes, with n adjacent records.
    ///
    /// # Errors
    /// If the length fits no degree, or the adjacent records do not fit the length.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let length = bytes.len();
        let records = length
            .checked_sub(layout::FIXED)
            .ok_or(HeaderError::Length(length))?;
        if !records.is_multiple_of(layout::ADJACENT_RECORD) {
            return Err(HeaderError::Length(length));
        }
        let header = Self(bytes.into());
        if let Adjacents::Recorded(adjacents) = header.adjacents() {
            let stated = u16::from_le_bytes(array(&bytes[layout::ADJACENT_COUNT]));
            if usize::from(stated) != header.degree() {
                return Err(HeaderError::AdjacentCount {
                    length,
                    expected: header.degree(),
                    stated,
                });
            }
            if !adjacents.iter().is_sorted_by(|(a, _), (b, _)| a < b) {
                return Err(HeaderError::AdjacentOrder);
            }
        }
        Ok(header)
    }

    /// Returns all bytes, in the order in which they are hashed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns all bytes as hexadecimal digits.
    pub fn to_hex(&self) -> String {
        const_hex::encode(&self.0)
    }

    /// Returns the number of adjacent records.
    pub fn degree(&self) -> usize {
        (self.0.len() - layout::FIXED) / layout::ADJACENT_RECORD
    }

    /// Converts a range relative to the end of the adjacent records into a range of the header.
    fn tail(&self, range: Range<usize>) -> Range<usize> {
        let start = layout::ADJACENTS + layout::ADJACENT_RECORD * self.degree();
        start + range.start..start + range.end
    }

    fn field<const N: usize>(&self, range: Range<usize>) -> [u8; N] {
        array(&self.0[self.tail(range)])
    }

    /// Returns the feature flags, opaque to a miner: a [`ForkState`](crate::ForkState), and a nonce
    /// in the blocks of 2019 and early 2020.
    pub fn flags(&self) -> [u8; 8] {
        array(&self.0[layout::FLAGS])
    }

    /// Returns the creation time.
    pub fn creation_time(&self) -> CreationTime {
        CreationTime::from_le_bytes(array(&self.0[layout::CREATION_TIME]))
    }

    /// Returns the hash of the block before this one on the same chain.
    pub fn parent(&self) -> BlockHash {
        BlockHash::new(array(&self.0[layout::PARENT]))
    }

    /// Returns the blocks on the adjacent chains, at the height of the parent.
    pub fn adjacents(&self) -> Adjacents<'_> {
        if self.0[layout::ADJACENT_COUNT] == layout::HASHED_ADJACENTS {
            Adjacents::Hashed
        } else {
            let end = layout::ADJACENTS + layout::ADJACENT_RECORD * self.degree();
            Adjacents::Recorded(RecordedAdjacents(&self.0[layout::ADJACENTS..end]))
        }
    }

    /// Returns the target of the block's proof of work.
    pub fn target(&self) -> Target {
        Target::from_le_bytes(self.field(layout::TARGET))
    }

    /// Returns the hash of the payload.
    pub fn payload_hash(&self) -> PayloadHash {
        PayloadHash::new(self.field(layout::PAYLOAD))
    }

    /// Returns the chain of the block.
    pub fn chain(&self) -> ChainId {
        ChainId::from_le_bytes(self.field(layout::CHAIN))
    }

    /// Returns the accumulated work up to and including this block.
    pub fn weight(&self) -> Weight {
        Weight::from_le_bytes(self.field(layout::WEIGHT))
    }

    /// Returns the height of the block on its chain.
    pub fn height(&self) -> u64 {
        u64::from_le_bytes(self.field(layout::HEIGHT))
    }

    /// Returns the network's version code: 5 for mainnet01, 2 for development.
    pub fn version_code(&self) -> u32 {
        u32::from_le_bytes(self.field(layout::VERSION))
    }

    /// Returns the start of the current epoch of difficulty adjustment.
    pub fn epoch_start(&self) -> CreationTime {
        CreationTime::from_le_bytes(self.field(layout::EPOCH_START))
    }

    /// Returns the nonce, the last eight bytes.
    pub fn nonce(&self) -> Nonce {
        Nonce::from_le_bytes(self.field(layout::NONCE))
    }

    /// Replaces the nonce.
    pub fn set_nonce(&mut self, nonce: Nonce) {
        let range = self.tail(layout::NONCE);
        self.0[range].copy_from_slice(&nonce.to_le_bytes());
    }

    /// Replaces the creation time.
    pub fn set_creation_time(&mut self, time: CreationTime) {
        self.0[layout::CREATION_TIME].copy_from_slice(&time.to_le_bytes());
    }

    /// Returns the header with this nonce.
    #[must_use]
    pub fn with_nonce(&self, nonce: Nonce) -> Self {
        let mut header = self.clone();
        header.set_nonce(nonce);
        header
    }

    /// Returns the header with this creation time.
    #[must_use]
    pub fn with_creation_time(&self, time: CreationTime) -> Self {
        let mut header = self.clone();
        header.set_creation_time(time);
        header
    }

    /// Whether the two headers are equal except for the fields that a miner may change.
    pub fn differs_only_in_time_and_nonce(&self, other: &Self) -> bool {
        let (a, b) = (self.as_bytes(), other.as_bytes());
        let nonce = self.tail(layout::NONCE).start;
        a.len() == b.len()
            && a[layout::FLAGS] == b[layout::FLAGS]
            && a[layout::CREATION_TIME.end..nonce] == b[layout::CREATION_TIME.end..nonce]
    }

    /// Returns the block hash, or `None` with [`Adjacents::Hashed`].
    ///
    /// A Merkle root over the fields. Order and tags: kadena-io/chainweb-node,
    /// `src/Chainweb/BlockHeader/Internal.hs`, the Merkle log entries of the header.
    pub fn block_hash(&self) -> Option<BlockHash> {
        let Adjacents::Recorded(adjacents) = self.adjacents() else {
            return None;
        };
        let mut leaves = vec![
            tagged_leaf(0x0006, &self.flags()),
            tagged_leaf(0x0007, &self.creation_time().to_le_bytes()),
            *self.parent().as_bytes(),
            tagged_leaf(0x0011, &self.target().to_le_bytes()),
            *self.payload_hash().as_bytes(),
            tagged_leaf(0x0002, &self.chain().to_le_bytes()),
            tagged_leaf(0x0004, &self.weight().to_le_bytes()),
            tagged_leaf(0x0003, &self.height().to_le_bytes()),
            tagged_leaf(0x0008, &self.version_code().to_le_bytes()),
            tagged_leaf(0x0019, &self.epoch_start().to_le_bytes()),
            tagged_leaf(0x0020, &self.nonce().to_le_bytes()),
        ];
        leaves.extend(adjacents.iter().map(|(_, hash)| *hash.as_bytes()));
        Some(BlockHash::new(root(&leaves)))
    }
}

impl fmt::Debug for WorkHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkHeader")
            .field("chain", &self.chain())
            .field("height", &self.height())
            .field("parent", &self.parent())
            .field("creation_time", &self.creation_time())
            .field("nonce", &self.nonce())
            .finish_non_exhaustive()
    }
}

/// The fields of a header with adjacent records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented at the accessors of the same names")]
pub struct HeaderFields {
    pub flags: [u8; 8],
    pub creation_time: CreationTime,
    pub parent: BlockHash,
    pub adjacents: BTreeMap<ChainId, BlockHash>,
    pub target: Target,
    pub payload_hash: PayloadHash,
    pub chain: ChainId,
    pub weight: Weight,
    pub height: u64,
    pub version_code: u32,
    pub epoch_start: CreationTime,
    pub nonce: Nonce,
}

impl HeaderFields {
    /// Returns the header with these fields.
    ///
    /// # Panics
    /// If there are more than 65,535 adjacent chains, or 61,680, a count that marks hashed
    /// adjacents.
    pub fn encode(&self) -> WorkHeader {
        let degree = u16::try_from(self.adjacents.len()).expect("a chain has few adjacent chains");
        assert_ne!(
            degree.to_le_bytes(),
            layout::HASHED_ADJACENTS,
            "a chain has few adjacent chains"
        );
        let mut bytes =
            Vec::with_capacity(layout::FIXED + layout::ADJACENT_RECORD * usize::from(degree));
        bytes.extend_from_slice(&self.flags);
        bytes.extend_from_slice(&self.creation_time.to_le_bytes());
        bytes.extend_from_slice(self.parent.as_bytes());
        bytes.extend_from_slice(&degree.to_le_bytes());
        for (chain, hash) in &self.adjacents {
            bytes.extend_from_slice(&chain.to_le_bytes());
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes.extend_from_slice(&self.target.to_le_bytes());
        bytes.extend_from_slice(self.payload_hash.as_bytes());
        bytes.extend_from_slice(&self.chain.to_le_bytes());
        bytes.extend_from_slice(&self.weight.to_le_bytes());
        bytes.extend_from_slice(&self.height.to_le_bytes());
        bytes.extend_from_slice(&self.version_code.to_le_bytes());
        bytes.extend_from_slice(&self.epoch_start.to_le_bytes());
        bytes.extend_from_slice(&self.nonce.to_le_bytes());
        WorkHeader(bytes.into())
    }
}
