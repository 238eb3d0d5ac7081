//! Headers to test with.

use chainweb::{BlockHeader, PowHash, Target, WorkHeader};

/// The recorded headers of mainnet01: `tests/data/README.md` of crate `chainweb` names their sources.
pub(crate) fn mainnet() -> Vec<BlockHeader> {
    let bytes = include_bytes!("../../../chainweb/tests/data/mainnet-headers.bin");
    let (headers, rest) = bytes.as_chunks::<318>();
    assert_eq!((headers.len(), rest.len()), (15, 0));
    headers
        .iter()
        .map(|header| BlockHeader::decode(header).unwrap())
        .collect()
}

/// A header of any degree whose other bytes are `fill`, over and over.
pub(crate) fn header(degree: u8, fill: &[u8]) -> WorkHeader {
    let length = 178 + 36 * usize::from(degree);
    let mut bytes: Vec<u8> = fill.iter().copied().cycle().take(length).collect();
    bytes[48..50].copy_from_slice(&[degree, 0]);
    for chain in 0..degree {
        let record = 50 + 36 * usize::from(chain);
        bytes[record..record + 4].copy_from_slice(&[chain, 0, 0, 0]);
    }
    WorkHeader::decode(&bytes).unwrap()
}

/// One of each way in which the tail of a header lies in its blocks; 4 and 13 have the nonce across a block's end.
pub(crate) const DEGREES: [u8; 8] = [0, 1, 2, 3, 4, 5, 7, 13];

/// The target that this hash just meets.
pub(crate) fn equal_to(hash: &PowHash) -> Target {
    Target::from_le_bytes(*hash.as_le_bytes())
}
