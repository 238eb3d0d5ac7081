//! The header of a block without its hash: the bytes that a miner hashes.
//!
//! A [`WorkHeader`] owns its bytes and is never anything but well formed: its length belongs to a degree and its
//! adjacent records fit it. Fields are read in place. A miner may change the creation time and the nonce, nothing
//! else; the flags are opaque (they carry fork votes) and are copied as they came.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::layout;
use crate::merkle;
use crate::{BlockHash, ChainId, CreationTime, Nonce, PayloadHash, Target, Weight};

/// Why bytes are not a work header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No degree gives this length.
    #[error("a work header has 178 + 36·n bytes (286 on all public networks), this has {0}")]
    Length(usize),
    /// The number of neighbours that the header states is not the one that its length gives.
    #[error("a work header of {length} bytes has {expected} adjacent hashes, this states {stated}")]
    AdjacentCount {
        /// Length of the header in bytes.
        length: usize,
        /// The count that belongs to the length.
        expected: usize,
        /// The count in bytes 48..50.
        stated: u16,
    },
    /// The adjacent records are not in ascending order of their chains.
    #[error("the adjacent hashes of a work header stand in ascending order of their chains")]
    AdjacentOrder,
}

/// A block header without its hash, of any degree.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WorkHeader(Box<[u8]>);

/// What a header says of the blocks on the neighbouring chains.
#[derive(Clone, Copy, Debug)]
pub enum Adjacents<'a> {
    /// One record per neighbour.
    Recorded(RecordedAdjacents<'a>),
    /// A hash over the neighbours' hashes in the place of the records (work of EVM networks). The records cannot be
    /// had back from it, and so neither can the hash of the block.
    Hashed,
}

/// The adjacent records of a header in ascending order of their chains.
#[derive(Clone, Copy)]
pub struct RecordedAdjacents<'a>(&'a [u8]);

impl<'a> RecordedAdjacents<'a> {
    /// The neighbours and their block hashes.
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
    bytes.try_into().expect("the slice is cut by the layout")
}

impl WorkHeader {
    /// The length in bytes of a header of this degree: 286 for the three neighbours of all public networks.
    pub const fn length_of_degree(degree: usize) -> usize {
        layout::FIXED + layout::ADJACENT_RECORD * degree
    }

    /// Reads a header. The bytes must be all of it: 178 + 36·n for n neighbours.
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

    /// All bytes, in the order in which they are hashed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number of adjacent records.
    pub fn degree(&self) -> usize {
        (self.0.len() - layout::FIXED) / layout::ADJACENT_RECORD
    }

    /// Turns a range behind the adjacent records into one of the header.
    fn tail(&self, range: Range<usize>) -> Range<usize> {
        let start = layout::ADJACENTS + layout::ADJACENT_RECORD * self.degree();
        start + range.start..start + range.end
    }

    fn field<const N: usize>(&self, range: Range<usize>) -> [u8; N] {
        array(&self.0[self.tail(range)])
    }

    /// Feature flags: the fork number (low half) and fork votes (high half) of current nodes; a nonce in the blocks
    /// of 2019 and early 2020. Opaque to a miner.
    pub fn flags(&self) -> [u8; 8] {
        array(&self.0[layout::FLAGS])
    }

    /// The creation time.
    pub fn creation_time(&self) -> CreationTime {
        CreationTime::from_le_bytes(array(&self.0[layout::CREATION_TIME]))
    }

    /// The hash of the block before this one on the same chain.
    pub fn parent(&self) -> BlockHash {
        BlockHash::new(array(&self.0[layout::PARENT]))
    }

    /// The blocks on the neighbouring chains, at the height of the parent.
    pub fn adjacents(&self) -> Adjacents<'_> {
        if self.0[layout::ADJACENT_COUNT] == layout::HASHED_ADJACENTS {
            Adjacents::Hashed
        } else {
            let end = layout::ADJACENTS + layout::ADJACENT_RECORD * self.degree();
            Adjacents::Recorded(RecordedAdjacents(&self.0[layout::ADJACENTS..end]))
        }
    }

    /// The target that the block's proof of work has to meet.
    pub fn target(&self) -> Target {
        Target::from_le_bytes(self.field(layout::TARGET))
    }

    /// The hash of the payload.
    pub fn payload_hash(&self) -> PayloadHash {
        PayloadHash::new(self.field(layout::PAYLOAD))
    }

    /// The chain of the block.
    pub fn chain(&self) -> ChainId {
        ChainId::from_le_bytes(self.field(layout::CHAIN))
    }

    /// The accumulated work up to and including this block.
    pub fn weight(&self) -> Weight {
        Weight::from_le_bytes(self.field(layout::WEIGHT))
    }

    /// The height of the block on its chain.
    pub fn height(&self) -> u64 {
        u64::from_le_bytes(self.field(layout::HEIGHT))
    }

    /// The code of the network: 5 for mainnet01, 2 for development.
    pub fn version_code(&self) -> u32 {
        u32::from_le_bytes(self.field(layout::VERSION))
    }

    /// When the current epoch of difficulty adjustment began.
    pub fn epoch_start(&self) -> CreationTime {
        CreationTime::from_le_bytes(self.field(layout::EPOCH_START))
    }

    /// The nonce: the last eight bytes.
    pub fn nonce(&self) -> Nonce {
        Nonce::from_le_bytes(self.field(layout::NONCE))
    }

    /// Puts another nonce in place.
    pub fn set_nonce(&mut self, nonce: Nonce) {
        let range = self.tail(layout::NONCE);
        self.0[range].copy_from_slice(&nonce.to_le_bytes());
    }

    /// Puts another creation time in place.
    pub fn set_creation_time(&mut self, time: CreationTime) {
        self.0[layout::CREATION_TIME].copy_from_slice(&time.to_le_bytes());
    }

    /// The same header with another nonce.
    #[must_use]
    pub fn with_nonce(&self, nonce: Nonce) -> Self {
        let mut header = self.clone();
        header.set_nonce(nonce);
        header
    }

    /// The same header with another creation time.
    #[must_use]
    pub fn with_creation_time(&self, time: CreationTime) -> Self {
        let mut header = self.clone();
        header.set_creation_time(time);
        header
    }

    /// Whether `other` is this header but for the two fields that a miner may change.
    pub fn differs_only_in_time_and_nonce(&self, other: &Self) -> bool {
        let (a, b) = (self.as_bytes(), other.as_bytes());
        let nonce = self.tail(layout::NONCE).start;
        a.len() == b.len()
            && a[layout::FLAGS] == b[layout::FLAGS]
            && a[layout::CREATION_TIME.end..nonce] == b[layout::CREATION_TIME.end..nonce]
    }

    /// The hash of the block that this header makes, `None` where the header holds only a hash over its neighbours.
    pub fn block_hash(&self) -> Option<BlockHash> {
        match self.adjacents() {
            Adjacents::Recorded(adjacents) => Some(merkle::block_hash(self, adjacents)),
            Adjacents::Hashed => None,
        }
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

/// The fields of a header with one record per neighbour, to build one from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is documented at the accessor of the same name"
)]
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
    /// The header of these fields.
    ///
    /// # Panics
    /// With more than 65,535 neighbours, or with the 61,680 whose count is the mark of hashed adjacents.
    pub fn encode(&self) -> WorkHeader {
        let degree = u16::try_from(self.adjacents.len()).expect("a chain has few neighbours");
        assert_ne!(
            degree.to_le_bytes(),
            layout::HASHED_ADJACENTS,
            "a chain has few neighbours"
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
