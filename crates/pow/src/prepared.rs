//! The part of a header's hash before the nonce, computed once per search.
//!
//! The nonce is the last eight bytes of a header, so all blocks before it are compressed once. The
//! rest, the *tail*, is one block, or two where the nonce crosses the end of a block (degree 4:
//! bytes 314 to 322). A header's length is two more than a multiple of four, so the nonce begins in
//! the upper half of a word.

use chainweb::{Nonce, PowHash, Target, WorkHeader};

use crate::blake2s::{self, BLOCK, Place};
use crate::lanes::portable::Portable;

/// The length of a nonce in bytes.
const NONCE: usize = 8;

/// A header and a target, prepared for the search of a nonce.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The chaining value before the tail.
    midstate: [u32; 8],
    /// The words of the tail, with zeros for the nonce and as padding.
    tail: [u32; 32],
    shape: Shape,
    /// The index of the word of the tail whose upper half is the nonce's low 16 bits.
    nonce_word: usize,
    /// The number of header bytes up to the end of the tail's first block.
    first_end: u64,
    /// The length of the header in bytes.
    length: u64,
    /// The target, least significant word first.
    target: [u32; 8],
}

/// How the tail fills its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One block whose words 8 to 15 are zero, with the nonce from the middle of word 5: headers of
    /// 286 bytes, as on all public networks.
    HalfBlock,
    /// One block.
    OneBlock,
    /// Two blocks, with the nonce from the middle of word 14 or 15 of the first.
    TwoBlocks,
}

impl Prepared {
    /// Prepares a search for `header` and `target`, which may differ from the header's own target.
    pub fn new(header: &WorkHeader, target: &Target) -> Self {
        let bytes = header.as_bytes();
        let length = bytes.len();
        let nonce_start = length - NONCE;
        let tail_start = nonce_start / BLOCK * BLOCK;
        let nonce_word = (nonce_start - tail_start) / 4;
        let mut tail = [0; 32];
        tail[..16].copy_from_slice(&blake2s::words(&bytes[tail_start..nonce_start]));
        let shape = match nonce_word {
            5 => Shape::HalfBlock,
            ..=13 => Shape::OneBlock,
            _ => Shape::TwoBlocks,
        };
        let target = blake2s::words(&target.to_le_bytes());
        Self {
            midstate: blake2s::midstate(&bytes[..tail_start]),
            tail,
            shape,
            nonce_word,
            first_end: length.min(tail_start + BLOCK) as u64,
            length: length as u64,
            target: *target.first_chunk().expect("eight of sixteen words"),
        }
    }

    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    /// The index of the word of the tail whose upper half is the nonce's low 16 bits.
    pub(crate) const fn nonce_word(&self) -> usize {
        self.nonce_word
    }

    /// The state before the rounds of the tail's first block.
    pub(crate) fn first_start(&self) -> [u32; 16] {
        blake2s::start(&self.midstate, self.first_end, self.first_place())
    }

    /// The state before the rounds of the tail's second block, after the chaining value `first`.
    pub(crate) fn second_start(&self, first: &[u32; 8]) -> [u32; 16] {
        blake2s::start(first, self.length, Place::Last)
    }

    /// The chaining value before the tail.
    pub(crate) const fn midstate(&self) -> &[u32; 8] {
        &self.midstate
    }

    /// The most significant word of the target.
    pub(crate) const fn target_top(&self) -> u32 {
        self.target[7]
    }

    /// Returns the hash of the header with this nonce.
    ///
    /// Equals [`hash()`](crate::hash()) but compresses only the tail, with the rounds of the
    /// kernels. Allocates nothing.
    pub fn hash_with(&self, nonce: Nonce) -> PowHash {
        let tail = self.tail(nonce.get());
        let (blocks, _) = tail.as_chunks::<16>();
        let start = self.first_start();
        let first = match self.shape {
            Shape::HalfBlock => {
                let words = blocks[0]
                    .first_chunk::<8>()
                    .expect("eight of sixteen words");
                rounds::all(Portable, start, words)
            }
            Shape::OneBlock | Shape::TwoBlocks => rounds::all(Portable, start, &blocks[0]),
        };
        let mut state = chained(&self.midstate, &first);
        if self.shape == Shape::TwoBlocks {
            let second = rounds::all(Portable, self.second_start(&state), &blocks[1]);
            state = chained(&state, &second);
        }
        PowHash::from_le_bytes(blake2s::le_bytes(&state))
    }

    /// Whether the header meets the target with this nonce, computed by [`blake2s::compress`].
    pub(crate) fn is_met_with(&self, nonce: u64) -> bool {
        let tail = self.tail(nonce);
        let (blocks, _) = tail.as_chunks();
        let mut state = self.midstate;
        blake2s::compress(&mut state, &blocks[0], self.first_end, self.first_place());
        if self.shape == Shape::TwoBlocks {
            blake2s::compress(&mut state, &blocks[1], self.length, Place::Last);
        }
        state.iter().rev().le(self.target.iter().rev())
    }

    const fn first_place(&self) -> Place {
        match self.shape {
            Shape::HalfBlock | Shape::OneBlock => Place::Last,
            Shape::TwoBlocks => Place::Inner,
        }
    }

    /// Returns the words of the tail with this nonce.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "splits the nonce into words"
    )]
    pub(crate) fn tail(&self, nonce: u64) -> [u32; 32] {
        let mut tail = self.tail;
        tail[self.nonce_word] |= (nonce as u32) << 16;
        tail[self.nonce_word + 1] = (nonce >> 16) as u32;
        tail[self.nonce_word + 2] = (nonce >> 48) as u32;
        tail
    }
}

/// Returns the chaining value after a block, from the one before it and the state after the rounds.
fn chained(before: &[u32; 8], after: &[u32; 16]) -> [u32; 8] {
    std::array::from_fn(|i| before[i] ^ after[i] ^ after[i + 8])
}
