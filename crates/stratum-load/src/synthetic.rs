//! Synthetic work: well-formed headers of degree 3 that are practically unsolvable.
//!
//! Each work of a series has its own height, parent and payload. The target has a difficulty of
//! 2^200 hashes, so no share is a block.

use std::hash::{DefaultHasher, Hasher};

use chainweb::{
    BlockHash, ChainId, CreationTime, HeaderFields, Level, Nonce, PayloadHash, Weight, Work,
    WorkHeader,
};

/// 2023-11-14, a plausible time of a header.
const START_MICROS: i64 = 1_700_000_000_000_000;

/// Returns the `n`th work, on chain 0.
pub fn work(n: u64) -> Work {
    let mut parent = [0x5a; 32];
    parent[..8].copy_from_slice(&n.to_le_bytes());
    let seconds = i64::try_from(30 * n).unwrap_or(0);
    let time = CreationTime::from_micros(START_MICROS + 1_000_000 * seconds);
    let adjacents = (1..=3).map(|i| (ChainId::new(i), BlockHash::new([0x11; 32])));
    let fields = HeaderFields {
        flags: [0; 8],
        creation_time: time,
        parent: BlockHash::new(parent),
        adjacents: adjacents.collect(),
        target: Level::new(200).expect("at most 256").target(),
        payload_hash: PayloadHash::new(parent),
        chain: ChainId::new(0),
        weight: Weight::ZERO,
        height: n,
        version_code: 5,
        epoch_start: time,
        nonce: Nonce::default(),
    };
    Work::new(fields.encode()).expect("the target is not zero")
}

/// Returns a digest of a job's header, from its 572 hex digits without flags, creation time and
/// nonce. It identifies the work: a refreshed creation time does not change it.
pub fn work_key(header_hex: &[u8]) -> u64 {
    let end = header_hex.len().saturating_sub(2 * 8);
    let mut hasher = DefaultHasher::new();
    hasher.write(header_hex.get(2 * 16..end).unwrap_or_default());
    hasher.finish()
}

/// Returns [`work_key`] of a header.
pub(crate) fn key_of(header: &WorkHeader) -> u64 {
    work_key(const_hex::encode(header.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chainweb::Nonce;

    use super::{key_of, work};

    #[test]
    fn new_work_changes_the_key_and_a_new_time_or_nonce_does_not() {
        let header = work(7).header().clone();
        let mut later = header.with_nonce(Nonce::new(u64::MAX));
        later.set_creation_time(
            header
                .creation_time()
                .saturating_add(Duration::from_secs(1)),
        );
        assert_eq!(key_of(&later), key_of(&header));
        assert_ne!(key_of(work(8).header()), key_of(&header));
        assert_eq!(header.as_bytes().len(), 286);
    }
}
