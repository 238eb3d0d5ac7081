//! Blake2s-256 of whole headers, as RFC 7693 specifies it.
//!
//! The reference for the search kernels: every solution is checked with it before it is submitted.
//! It shares no rounds with them, only the constants of the standard and the state after the bytes
//! before the nonce, from which they start.

use chainweb::{PowHash, Target, WorkHeader};
use rounds::SIGMA;

/// The initialization vector (RFC 7693, §2.6).
pub(crate) const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The length of a block in bytes.
pub(crate) const BLOCK: usize = 64;

/// The place of a block in its message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// More blocks follow.
    Inner,
    /// The last block.
    Last,
}

/// Returns the hash of all bytes of a header.
pub fn hash(header: &WorkHeader) -> PowHash {
    PowHash::from_le_bytes(digest(header.as_bytes()))
}

/// Whether the hash of a header, nonce included, meets `target`.
pub fn verify(header: &WorkHeader, target: &Target) -> bool {
    target.is_met_by(&hash(header))
}

fn digest(message: &[u8]) -> [u8; 32] {
    // The last block is compressed on its own; it is empty only if the message is.
    let inner = message.len().saturating_sub(1) / BLOCK * BLOCK;
    let mut state = midstate(&message[..inner]);
    let last = words(&message[inner..]);
    compress(&mut state, &last, message.len() as u64, Place::Last);
    le_bytes(&state)
}

/// Returns the chaining value after `blocks`, a whole number of blocks at the start of a message.
pub(crate) fn midstate(blocks: &[u8]) -> [u32; 8] {
    let mut state = IV;
    // The parameter block: digest of 32 bytes, no key, sequential mode.
    state[0] ^= 0x0101_0020;
    let mut counter = 0;
    for block in blocks.chunks_exact(BLOCK) {
        counter += BLOCK as u64;
        compress(&mut state, &words(block), counter, Place::Inner);
    }
    state
}

/// Returns the words of a block of up to 64 bytes, padded with zeros.
pub(crate) fn words(bytes: &[u8]) -> [u32; 16] {
    let mut block = [0; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    let (words, _) = block.as_chunks();
    std::array::from_fn(|i| u32::from_le_bytes(words[i]))
}

/// Returns the bytes of a chaining value; after the last block they are the hash.
pub(crate) fn le_bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

/// Returns the state before the rounds. `counter` is the number of message bytes up to the block's
/// end.
pub(crate) fn start(state: &[u32; 8], counter: u64, place: Place) -> [u32; 16] {
    let mut v = [0; 16];
    v[..8].copy_from_slice(state);
    v[8..].copy_from_slice(&IV);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "splits the counter into words"
    )]
    let (low, high) = (counter as u32, (counter >> 32) as u32);
    v[12] ^= low;
    v[13] ^= high;
    if place == Place::Last {
        v[14] = !v[14];
    }
    v
}

/// Updates the chaining value with one block.
pub(crate) fn compress(state: &mut [u32; 8], block: &[u32; 16], counter: u64, place: Place) {
    let mut v = start(state, counter, place);
    for s in &SIGMA {
        mix(&mut v, [0, 4, 8, 12], block[s[0]], block[s[1]]);
        mix(&mut v, [1, 5, 9, 13], block[s[2]], block[s[3]]);
        mix(&mut v, [2, 6, 10, 14], block[s[4]], block[s[5]]);
        mix(&mut v, [3, 7, 11, 15], block[s[6]], block[s[7]]);
        mix(&mut v, [0, 5, 10, 15], block[s[8]], block[s[9]]);
        mix(&mut v, [1, 6, 11, 12], block[s[10]], block[s[11]]);
        mix(&mut v, [2, 7, 8, 13], block[s[12]], block[s[13]]);
        mix(&mut v, [3, 4, 9, 14], block[s[14]], block[s[15]]);
    }
    for (i, word) in state.iter_mut().enumerate() {
        *word ^= v[i] ^ v[i + 8];
    }
}

/// The function G of RFC 7693, §3.1.
#[expect(clippy::many_single_char_names, reason = "the names of the RFC")]
fn mix(v: &mut [u32; 16], [a, b, c, d]: [usize; 4], x: u32, y: u32) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(12);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(8);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(7);
}

#[cfg(test)]
mod tests {
    use blake2::{Blake2s256, Digest};
    use proptest::prelude::*;

    use super::digest;

    #[test]
    fn abc_has_the_hash_of_rfc_7693_appendix_b() {
        assert_eq!(
            const_hex::encode(digest(b"abc")),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
        );
    }

    proptest! {
        #[test]
        fn any_message_has_the_hash_of_the_blake2_crate(
            message in prop::collection::vec(any::<u8>(), 0..=600)
        ) {
            prop_assert_eq!(digest(&message), <[u8; 32]>::from(Blake2s256::digest(&message)));
        }
    }

    #[test]
    fn every_length_near_a_block_end_has_the_hash_of_the_blake2_crate() {
        let message: Vec<u8> = (0..=255).cycle().take(450).collect();
        for length in 0..=message.len() {
            let message = &message[..length];
            assert_eq!(
                digest(message),
                <[u8; 32]>::from(Blake2s256::digest(message)),
                "{length} bytes"
            );
        }
    }
}
