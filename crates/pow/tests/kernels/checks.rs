//! The results of every kernel against brute force with the `blake2` crate over whole headers.

use blake2::{Blake2s256, Digest};
use chainweb::{Level, Nonce, PowHash, Target, WorkHeader};
use fixtures::{DEGREES, header_of_degree, mainnet, target_equal_to};
use pow::{Kernel, NonceRange, Prepared, Searcher};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// A check with its name.
pub(crate) type Check = (&'static str, fn(&Searcher));

macro_rules! checks {
    ($($check:ident,)*) => {
        /// All checks.
        pub(crate) const ALL: &[Check] = &[$((stringify!($check), $check),)*];
    };
}

checks! {
    recorded_nonces_are_found_from_every_distance,
    headers_of_every_length_have_the_solutions_of_brute_force,
    every_nonce_meets_the_easiest_target,
    targets_of_every_level_have_the_solutions_of_brute_force,
    recorded_nonces_meet_targets_near_the_end_of_the_top_word,
    a_hash_equal_to_the_target_is_a_solution_and_one_above_is_not,
    each_word_of_the_target_decides_if_those_above_are_equal,
    a_range_includes_its_first_and_last_nonce,
    solutions_near_carries_and_the_wrap_are_those_of_brute_force,
    an_empty_range_has_no_solution,
    a_search_of_the_longest_range_ends_at_its_first_solution,
    the_nonce_in_the_header_does_not_matter,
    solutions_of_any_range_are_those_of_brute_force,
    solutions_among_a_million_nonces_are_those_of_the_portable_kernel,
}

/// Returns the hash by the `blake2` crate.
fn reference(header: &WorkHeader) -> PowHash {
    PowHash::from_le_bytes(Blake2s256::digest(header.as_bytes()).into())
}

/// Returns the nonces of a range in order.
fn nonces(start: u64, count: u64) -> impl Iterator<Item = Nonce> {
    (0..count).map(move |i| Nonce::new(start.wrapping_add(i)))
}

/// Returns all solutions: each search starts after the last one.
fn search_all(searcher: &Searcher, prepared: &Prepared, start: u64, count: u64) -> Vec<Nonce> {
    let mut solutions = Vec::new();
    let mut tried = 0;
    while let Some(nonce) = prepared.search(
        searcher,
        NonceRange::new(Nonce::new(start.wrapping_add(tried)), count - tried),
    ) {
        solutions.push(nonce);
        tried = nonce.get().wrapping_sub(start) + 1;
    }
    solutions
}

/// Compares all solutions in a range with those of brute force and returns them.
#[track_caller]
fn check(
    searcher: &Searcher,
    header: &WorkHeader,
    target: &Target,
    start: u64,
    count: u64,
) -> Vec<Nonce> {
    let expected: Vec<Nonce> = nonces(start, count)
        .filter(|&nonce| target.is_met_by(&reference(&header.with_nonce(nonce))))
        .collect();
    let prepared = Prepared::new(header, target);
    let found = search_all(searcher, &prepared, start, count);
    assert_eq!(
        found,
        expected,
        "{} bytes, {target}",
        header.as_bytes().len()
    );
    expected
}

fn level(bits: u16) -> Target {
    Level::new(bits).unwrap().target()
}

fn recorded_nonces_are_found_from_every_distance(searcher: &Searcher) {
    for recorded in mainnet() {
        let work = recorded.work();
        let prepared = Prepared::new(work, &work.target());
        for distance in [
            0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 63, 64, 255, 256, 257, 66_000,
        ] {
            let start = Nonce::new(work.nonce().get().wrapping_sub(distance));
            let found = |count| prepared.search(searcher, NonceRange::new(start, count));
            assert_eq!(found(distance), None);
            assert_eq!(found(distance + 1), Some(work.nonce()));
            assert_eq!(found(distance + 300), Some(work.nonce()));
        }
    }
}

fn headers_of_every_length_have_the_solutions_of_brute_force(searcher: &Searcher) {
    for degree in 0..16 {
        let solutions = check(
            searcher,
            &header_of_degree(degree, b"all of them"),
            &level(5),
            0xffff_ff00,
            1000,
        );
        assert!(solutions.len() > 10, "{} of about 31", solutions.len());
    }
}

fn every_nonce_meets_the_easiest_target(searcher: &Searcher) {
    let header = header_of_degree(3, b"easy");
    let solutions = check(searcher, &header, &Target::MAX, u64::MAX - 2, 700);
    assert_eq!(solutions, nonces(u64::MAX - 2, 700).collect::<Vec<_>>());
}

fn targets_of_every_level_have_the_solutions_of_brute_force(searcher: &Searcher) {
    for degree in DEGREES {
        for bits in [0, 1, 2, 7, 8, 9] {
            let solutions = check(
                searcher,
                &header_of_degree(degree, b"bits"),
                &level(bits),
                0,
                2048,
            );
            assert!(!solutions.is_empty(), "degree {degree}, {bits} bits");
        }
        for bits in [31, 32, 33, 64, 255, 256] {
            check(
                searcher,
                &header_of_degree(degree, b"bits"),
                &level(bits),
                0,
                512,
            );
        }
    }
}

/// The recorded hashes have 46 to 60 leading zero bits, more than any search here could find.
fn recorded_nonces_meet_targets_near_the_end_of_the_top_word(searcher: &Searcher) {
    for recorded in mainnet() {
        let (work, nonce) = (recorded.work(), recorded.work().nonce());
        let zero_bits = target_equal_to(&reference(work)).level().bits();
        assert!(zero_bits >= 46);
        for bits in [0, 1, 7, 8, 9, 16, 23, 24, 25, 30, 31, 32, 33, zero_bits] {
            assert_eq!(check(searcher, work, &level(bits), nonce.get(), 1), [nonce]);
        }
        assert_eq!(
            check(searcher, work, &level(zero_bits + 1), nonce.get(), 1),
            []
        );
    }
}

/// No search here could meet targets this hard, but the hash of a nonce can serve as the target.
fn a_hash_equal_to_the_target_is_a_solution_and_one_above_is_not(searcher: &Searcher) {
    for degree in DEGREES {
        let header = header_of_degree(degree, b"equal");
        for nonce in nonces(0x1_fff0, 40) {
            let target = target_equal_to(&reference(&header.with_nonce(nonce)));
            let solutions = check(searcher, &header, &target, nonce.get(), 1);
            assert_eq!(solutions, [nonce]);
            let mut below = target.to_le_bytes();
            let Some(byte) = below.iter().position(|&byte| byte > 0) else {
                continue;
            };
            below[byte] -= 1;
            below[..byte].fill(0xff);
            assert_eq!(
                check(
                    searcher,
                    &header,
                    &Target::from_le_bytes(below),
                    nonce.get(),
                    1
                ),
                []
            );
        }
    }
}

fn each_word_of_the_target_decides_if_those_above_are_equal(searcher: &Searcher) {
    let header = header_of_degree(3, b"words");
    let nonce = Nonce::new(77);
    let bytes = target_equal_to(&reference(&header.with_nonce(nonce))).to_le_bytes();
    for word in 0..8 {
        let mut above = bytes;
        above[..4 * word].fill(0);
        let value = u32::from_le_bytes(above[4 * word..4 * word + 4].try_into().unwrap());
        above[4 * word..4 * word + 4].copy_from_slice(&value.checked_add(1).unwrap().to_le_bytes());
        assert_eq!(
            check(searcher, &header, &Target::from_le_bytes(above), 77, 1),
            [nonce]
        );
        let mut below = bytes;
        below[..4 * word].fill(0xff);
        below[4 * word..4 * word + 4].copy_from_slice(&value.checked_sub(1).unwrap().to_le_bytes());
        assert_eq!(
            check(searcher, &header, &Target::from_le_bytes(below), 77, 1),
            []
        );
    }
}

/// With its hash as the target, one nonce is a solution at any place of a range.
fn a_range_includes_its_first_and_last_nonce(searcher: &Searcher) {
    for degree in DEGREES {
        let header = header_of_degree(degree, b"ends");
        // Carries between the words of the nonce, the end of a chunk, the wrap to zero.
        for carry in [1 << 16, 1 << 32, 1 << 48, 0x1_0100, 256, 0] {
            let start = 0_u64.wrapping_add(carry).wrapping_sub(3);
            for count in [1, 2, 3, 4, 5, 256, 257] {
                let last = start.wrapping_add(count - 1);
                for nonce in [start, last] {
                    let target = target_equal_to(&reference(&header.with_nonce(Nonce::new(nonce))));
                    let found = check(searcher, &header, &target, nonce, 1);
                    assert_eq!(found, [Nonce::new(nonce)]);
                    let found = check(searcher, &header, &target, start, count);
                    assert!(
                        found.contains(&Nonce::new(nonce)),
                        "{nonce:x} of {start:x} + {count}"
                    );
                }
            }
        }
    }
}

fn solutions_near_carries_and_the_wrap_are_those_of_brute_force(searcher: &Searcher) {
    for degree in DEGREES {
        for carry in [1 << 16, 1 << 32, 1 << 48, 0xffff << 48, 0] {
            check(
                searcher,
                &header_of_degree(degree, b"carry"),
                &level(4),
                0_u64.wrapping_add(carry).wrapping_sub(90),
                200,
            );
        }
    }
}

fn an_empty_range_has_no_solution(searcher: &Searcher) {
    let prepared = Prepared::new(&header_of_degree(3, b"empty"), &Target::MAX);
    for start in [0, 1, 0xffff, u64::MAX] {
        assert_eq!(
            prepared.search(searcher, NonceRange::new(Nonce::new(start), 0)),
            None
        );
    }
}

fn a_search_of_the_longest_range_ends_at_its_first_solution(searcher: &Searcher) {
    let header = header_of_degree(3, b"long");
    let start = u64::MAX - 1000;
    let expected = nonces(start, 1 << 20)
        .find(|&nonce| level(12).is_met_by(&reference(&header.with_nonce(nonce))));
    let prepared = Prepared::new(&header, &level(12));
    let range = NonceRange::new(Nonce::new(start), u64::MAX);
    assert_eq!(prepared.search(searcher, range), expected);
}

fn the_nonce_in_the_header_does_not_matter(searcher: &Searcher) {
    let header = header_of_degree(3, b"nonce");
    let prepared = [0, 1, u64::MAX, 0x0123_4567_89ab_cdef]
        .map(|nonce| Prepared::new(&header.with_nonce(Nonce::new(nonce)), &level(6)));
    let found = prepared
        .each_ref()
        .map(|prepared| search_all(searcher, prepared, 0, 1000));
    assert!(!found[0].is_empty());
    assert_eq!(found, [(); 4].map(|()| found[0].clone()));
}

fn solutions_of_any_range_are_those_of_brute_force(searcher: &Searcher) {
    let starts = prop_oneof![
        any::<u64>(),
        (0..5_u64, 0..600_u64).prop_map(|(word, before)| {
            0_u64
                .wrapping_add(1 << (16 * word % 64))
                .wrapping_sub(before)
        })
    ];
    let cases = (
        prop::sample::select(&DEGREES[..]),
        prop::collection::vec(any::<u8>(), 61..=97),
        starts,
        0..1500_u64,
        any::<[u8; 32]>(),
        0..12_u32,
    );
    let config = ProptestConfig {
        cases: 64,
        source_file: Some(file!()),
        ..ProptestConfig::default()
    };
    let law = |(degree, fill, start, count, target, zero_bits): (
        u8,
        Vec<u8>,
        u64,
        u64,
        [u8; 32],
        u32,
    )| {
        let mut target = target;
        let top: u32 = u32::from_le_bytes(target[28..].try_into().unwrap()) >> zero_bits;
        target[28..].copy_from_slice(&top.to_le_bytes());
        check(
            searcher,
            &header_of_degree(degree, &fill),
            &Target::from_le_bytes(target),
            start,
            count,
        );
        Ok(())
    };
    TestRunner::new(config).run(&cases, law).unwrap();
}

/// More nonces than brute force could go through, several runs of 65,536 with a carry between them.
fn solutions_among_a_million_nonces_are_those_of_the_portable_kernel(searcher: &Searcher) {
    let portable = Kernel::Portable.prove().unwrap();
    for degree in [3, 2, 4] {
        let header = header_of_degree(degree, b"many");
        let prepared = Prepared::new(&header, &level(12));
        let (start, count) = ((1 << 32) - 300_000, 1 << 20);
        let expected = search_all(&portable, &prepared, start, count);
        assert!(expected.len() > 100, "{} of about 256", expected.len());
        assert_eq!(search_all(searcher, &prepared, start, count), expected);
    }
}
