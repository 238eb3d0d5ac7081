//! The self-test of a kernel.
//!
//! A processor, a compiler or a kernel may be broken on one machine only, and a miner that misses
//! solutions looks merely unlucky. So a kernel has to find the nonce of a mainnet block from every
//! distance, and on headers of the other shapes every solution that [`verify`] finds. Takes some
//! milliseconds.

use chainweb::{Level, Nonce, PowHash, WorkHeader};

use super::Kernel;
use crate::{NonceRange, Prepared, hash, verify};

/// The header of block 2111409 on chain 5 of mainnet01 (kadena-io/chainweb-mining-client,
/// `test/data/test-headers.bin`).
const HEADER: [u8; 286] = match const_hex::const_decode_to_array(
    b"00000000000000006c3cda6cb4cf0500946335dbc470b829f58697544da9c8fe306bf4a32143a45a475755bc\
      0542c84e030000000000b414ffac845292112a2000d9d056579c5f83090f2b6b2e9664c27a346f16c9040700\
      00007a5ec4572d723dc4f537d5d3feb30c2ac28f4fe7594bed6cc24eaf9286a32200080000006fe2e81efbc8\
      a131bed6cedad46bc1b4940e0877fd37f1aaa8e2d3bc388dac25492489f66d565a71a5c4497b2bc99fe58b62\
      733952d913ac150100000000000090da62dbdc08d012c5f4ea4e2f4941951fea92e6f9be89225c77dbdfb2f1\
      82d6050000001bc30ba646dd3707630300000000000000000000000000000000000000000000b13720000000\
      000005000000e501aa5ab4cf0500840369521a796671",
) {
    Ok(header) => header,
    Err(_) => panic!("not hex"),
};

/// The hash of [`HEADER`].
const HASH: [u8; 32] = match const_hex::const_decode_to_array(
    b"07ea991a92f301432d1adf6f4c1bff2a3c66d96b41e1b8b81201000000000000",
) {
    Ok(hash) => hash,
    Err(_) => panic!("not hex"),
};

/// The error of a kernel not usable on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelFault {
    /// The machine lacks the instructions.
    #[error("this machine does not have the instructions of kernel {0}")]
    Unavailable(Kernel),
    /// [`hash()`], which checks solutions, returns a wrong hash for the known header.
    #[error("the self-test computed a wrong hash of a known header: {0}")]
    Hash(PowHash),
    /// The search returns a wrong nonce.
    #[error(
        "kernel {kernel} failed its self-test: found {found:?} instead of {expected:?} in \
         {range:?}, header of {length} bytes"
    )]
    Search {
        /// The kernel.
        kernel: Kernel,
        /// The length of the header in bytes.
        length: usize,
        /// The nonces searched.
        range: NonceRange,
        /// The first solution.
        expected: Option<Nonce>,
        /// The nonce returned by the kernel.
        found: Option<Nonce>,
    },
}

/// Checks the results of `search`, the search with `kernel`.
pub(crate) fn check(
    kernel: Kernel,
    search: impl Fn(&Prepared, NonceRange) -> Option<Nonce>,
) -> Result<(), KernelFault> {
    let header = WorkHeader::decode(&HEADER).expect("a recorded header");
    if hash(&header) != PowHash::from_le_bytes(HASH) {
        return Err(KernelFault::Hash(hash(&header)));
    }
    let expect = |prepared: &Prepared, length, range, expected| {
        let found = search(prepared, range);
        if found == expected {
            Ok(())
        } else {
            Err(KernelFault::Search {
                kernel,
                length,
                range,
                expected,
                found,
            })
        }
    };

    // Each distance from the start of the range puts the nonce into another lane.
    let prepared = Prepared::new(&header, &header.target());
    let nonce = header.nonce();
    for distance in 0..=64 {
        let start = Nonce::new(nonce.get() - distance);
        expect(
            &prepared,
            HEADER.len(),
            NonceRange::new(start, distance),
            None,
        )?;
        expect(
            &prepared,
            HEADER.len(),
            NonceRange::new(start, distance + 1),
            Some(nonce),
        )?;
    }

    for degree in DEGREES {
        let header = with_degree(degree);
        let target = Level::new(6).expect("at most 256").target();
        let prepared = Prepared::new(&header, &target);
        let end = FIRST + COUNT;
        let mut start = FIRST;
        for nonce in (FIRST..end).map(Nonce::new) {
            if verify(&header.with_nonce(nonce), &target) {
                let range = NonceRange::new(Nonce::new(start), end - start);
                expect(&prepared, header.as_bytes().len(), range, Some(nonce))?;
                start = nonce.get() + 1;
            }
        }
        let range = NonceRange::new(Nonce::new(start), end - start);
        expect(&prepared, header.as_bytes().len(), range, None)?;
    }
    Ok(())
}

/// One degree per shape of the tail, and two for the one in which the nonce crosses a block's end.
const DEGREES: [u8; 4] = [2, 3, 4, 13];

/// The nonces searched on headers of these degrees: about 16 solutions, with a carry into the word
/// of the upper bits halfway.
const FIRST: u64 = 0x0123_4567_fe00;
const COUNT: u64 = 1024;

/// Returns the known header with another number of adjacent chains.
fn with_degree(degree: u8) -> WorkHeader {
    let mut bytes = HEADER[..48].to_vec();
    bytes.extend([degree, 0]);
    for chain in 0..degree {
        bytes.extend([chain, 0, 0, 0]);
        bytes.extend(HASH);
    }
    bytes.extend(&HEADER[50 + 3 * 36..]);
    WorkHeader::decode(&bytes).expect("as many records as stated, in order")
}

#[cfg(test)]
mod tests {
    use super::{Kernel, KernelFault, Nonce, NonceRange, Prepared, check};
    use crate::lanes::portable::Portable;
    use crate::prepared::Shape;
    use crate::scan::scan;

    #[test]
    fn a_kernel_passes_the_self_test_on_machines_with_its_instructions() {
        for &kernel in Kernel::ALL {
            let proved = kernel.prove().map(|searcher| searcher.kernel());
            if kernel.is_available() {
                assert_eq!(proved, Ok(kernel));
            } else {
                assert_eq!(proved, Err(KernelFault::Unavailable(kernel)));
            }
        }
    }

    fn portable(prepared: &Prepared, range: NonceRange) -> Option<Nonce> {
        let mut runs = range.runs();
        let found = runs.find_map(|run| scan(Portable, prepared, run));
        found.map(Nonce::new)
    }

    #[track_caller]
    fn check_fails(search: impl Fn(&Prepared, NonceRange) -> Option<Nonce>) -> KernelFault {
        check(Kernel::Portable, search).expect_err("this search is broken")
    }

    #[test]
    fn a_search_without_results_fails() {
        let fault = check_fails(|_, _| None);
        let nonce = Nonce::from_le_bytes([0x84, 0x03, 0x69, 0x52, 0x1a, 0x79, 0x66, 0x71]);
        assert_eq!(
            fault,
            KernelFault::Search {
                kernel: Kernel::Portable,
                length: 286,
                range: NonceRange::new(nonce, 1),
                expected: Some(nonce),
                found: None,
            }
        );
    }

    #[test]
    fn a_search_past_the_end_of_the_range_fails() {
        check_fails(|prepared, range| {
            portable(prepared, NonceRange::new(range.start(), range.count() + 1))
        });
    }

    #[test]
    fn a_search_without_one_lane_fails() {
        check_fails(|prepared, range| {
            portable(prepared, range).filter(|nonce| (nonce.get() - range.start().get()) % 16 != 13)
        });
    }

    #[test]
    fn a_search_for_headers_of_public_networks_only_fails() {
        check_fails(|prepared, range| match prepared.shape() {
            Shape::TwoBlocks => None,
            _ => portable(prepared, range),
        });
        check_fails(|prepared, range| match prepared.shape() {
            Shape::OneBlock => None,
            _ => portable(prepared, range),
        });
    }
}
