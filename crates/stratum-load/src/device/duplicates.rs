//! Hashes computed more than once.
//!
//! Every device starts at nonce2 = 0 and hashes a prefix of the nonces of its work. Two devices
//! with the same work have both hashed the shorter prefix.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::device::report::Mined;

/// Number of hashes computed more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DuplicateWork {
    /// Hashes repeated by the same device, because it received the same work again or ran out of
    /// nonces.
    pub by_itself: u64,
    /// Hashes repeated by another device.
    pub by_two_devices: u64,
}

/// Counts the repeated hashes; one slice per device.
pub(crate) fn duplicate_work<'a>(devices: impl IntoIterator<Item = &'a [Mined]>) -> DuplicateWork {
    let mut found = DuplicateWork::default();
    let mut longest = BTreeMap::new();
    for mined in devices {
        let mut own = BTreeMap::new();
        for piece in mined {
            let different = piece.hashes.min(piece.nonces);
            found.by_itself += piece.hashes - lengthen(&mut own, piece.work, different);
        }
        for (work, hashes) in own {
            found.by_two_devices += hashes - lengthen(&mut longest, work, hashes);
        }
    }
    found
}

/// Adds a prefix to the longest hashed prefix of each piece of work. Returns the number of hashes
/// that are new.
fn lengthen(longest: &mut BTreeMap<[u8; 32], u64>, work: [u8; 32], hashes: u64) -> u64 {
    let before = longest.entry(work).or_default();
    let new = hashes.saturating_sub(*before);
    *before += new;
    new
}

#[cfg(test)]
mod tests {
    use super::{DuplicateWork, duplicate_work};
    use crate::device::report::Mined;

    #[track_caller]
    fn check(devices: &[&[(u8, u64, u64)]], by_itself: u64, by_two_devices: u64) {
        let devices: Vec<Vec<Mined>> = devices
            .iter()
            .map(|pieces| {
                let mined = |&(work, hashes, nonces)| Mined {
                    work: [work; 32],
                    hashes,
                    nonces,
                };
                pieces.iter().map(mined).collect()
            })
            .collect();
        assert_eq!(
            duplicate_work(devices.iter().map(Vec::as_slice)),
            DuplicateWork {
                by_itself,
                by_two_devices
            }
        );
    }

    #[test]
    fn only_repeated_hashes_are_counted() {
        check(&[], 0, 0);
        check(&[&[(1, 100, 1000)], &[(2, 100, 1000)]], 0, 0);
        // The same work again, for a shorter and for a longer time.
        check(&[&[(1, 100, 1000), (1, 40, 1000)]], 40, 0);
        check(&[&[(1, 40, 1000), (1, 100, 1000)]], 40, 0);
        // Out of nonces.
        check(&[&[(1, 1500, 1000)]], 500, 0);
        check(&[&[(1, 1500, 1000), (1, 10, 1000)]], 510, 0);
        // Two devices on the same work.
        check(&[&[(1, 100, 1000)], &[(1, 60, 1000)]], 0, 60);
        check(&[&[(1, 60, 1000)], &[(1, 100, 1000)]], 0, 60);
        check(&[&[(1, 5, 9)], &[(1, 5, 9)], &[(1, 7, 9)]], 0, 10);
    }
}
