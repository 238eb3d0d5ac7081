//! `hash` and `verify`.

use blake2::{Blake2s256, Digest};
use chainweb::{Nonce, PowHash, Target, WorkHeader};
use fixtures::{DEGREES, header_of_degree, mainnet, target_equal_to};
use pow::{Prepared, hash, verify};
use proptest::prelude::*;

/// The hashes of the recorded headers in the order of the file, from their sources.
const HASHES: [&str; 15] = [
    "00000000000084406c267b8995cd212354cf5d6815545482f228bc25f22c2d5e",
    "00000000000054d51e246cfa65a6f50ccf19a254fcbb185c0aefffea8d913fdb",
    "0000000000008c68768f283091d4cc3c0dd91c2ed19945b93f769a257ca5f922",
    "000000000000000fe34752c5757f0772e7551ebc0a561333b520180bf84a0b6f",
    "000000000000005477bddf560354eb3aa2b978f8ba03824733374e0a51e55baa",
    "00000000000000155d16be771bd4faa25d36b579d41693e3c58fe58435351866",
    "000000000000001fbe58a3346d87dfe8c58ded360ec99fcb52f6be7c9d8a7ab5",
    "0000000000000112b8b8e1416bd9663c2aff1b4c6fdf1a2d4301f3921a99ea07",
    "0000000000000018904969d4c4a8d98629113cf6de3405f12da84637c879d60d",
    "00000000000000099986895030828a4410e985f2f40ac0bf74a3a8201bbb6e8e",
    "000000000000001fd18457ca180a815695408ac23cf0eff00cd5e84b82d39210",
    "000000000000069fe482abc6418478738c5e80ef4d429937760be2a8b79dfb31",
    "000000000000057f9c033493900d4f11e8d6cd67efba049c6da660634dd3db6d",
    "00000000000018080775e8eae2fbd2053efcb410a3255c9bfcbaf7f9baa072d9",
    "000000000000102cc92e1657bacaab7d4fd30de0c40cbbd13f1ddce4ad16e5de",
];

#[test]
fn recorded_headers_have_their_recorded_hashes_and_meet_their_targets() {
    let found: Vec<String> = mainnet()
        .iter()
        .map(|header| hash(header.work()).to_string())
        .collect();
    assert_eq!(found, HASHES);
    for header in mainnet() {
        assert!(
            verify(header.work(), &header.work().target()),
            "{:?}",
            header.work()
        );
    }
}

#[test]
fn a_recorded_header_with_a_changed_bit_misses_its_target() {
    for header in mainnet() {
        let mut bytes = header.work().as_bytes().to_vec();
        bytes[8] ^= 1;
        let changed = WorkHeader::decode(&bytes).unwrap();
        assert!(!verify(&changed, &changed.target()), "{changed:?}");
    }
}

#[test]
fn a_hash_equal_to_the_target_meets_it_and_one_above_does_not() {
    for header in mainnet() {
        let target = target_equal_to(&hash(header.work()));
        assert!(verify(header.work(), &target));
        let mut below = target.to_le_bytes();
        // No recorded hash ends in a zero byte.
        below[0] -= 1;
        assert!(!verify(header.work(), &Target::from_le_bytes(below)));
    }
}

proptest! {
    #[test]
    fn headers_of_every_length_have_the_hash_of_the_blake2_crate(
        degree in prop::sample::select(&DEGREES[..]),
        fill in prop::collection::vec(any::<u8>(), 61..=97),
    ) {
        let header = header_of_degree(degree, &fill);
        let expected = PowHash::from_le_bytes(Blake2s256::digest(header.as_bytes()).into());
        prop_assert_eq!(hash(&header), expected);
    }

    #[test]
    fn hash_with_equals_the_hash_of_the_whole_header(
        degree in prop::sample::select(&DEGREES[..]),
        fill in prop::collection::vec(any::<u8>(), 61..=97),
        nonce: u64,
    ) {
        let header = header_of_degree(degree, &fill);
        let prepared = Prepared::new(&header, &header.target());
        let nonce = Nonce::new(nonce);
        prop_assert_eq!(prepared.hash_with(nonce), hash(&header.with_nonce(nonce)));
    }
}
