//! Ranges of nonces.
//!
//! Kernels scan *runs*: nonces with equal upper 48 bits, so only one word of the message
//! varies. A range may begin and end anywhere; after the largest nonce it continues with zero.

use chainweb::Nonce;

/// A number of nonces from a first one; zero follows 2^64 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceRange {
    start: Nonce,
    count: u64,
}

impl NonceRange {
    /// Returns the `count` nonces from `start`. With `u64::MAX`, all nonces except `start - 1`.
    pub const fn new(start: Nonce, count: u64) -> Self {
        Self { start, count }
    }

    /// Returns the first nonce, even of an empty range.
    pub const fn start(self) -> Nonce {
        self.start
    }

    /// Returns the number of nonces.
    pub const fn count(self) -> u64 {
        self.count
    }

    /// Splits the range where the upper 48 bits change.
    pub(crate) fn runs(self) -> impl Iterator<Item = Run> {
        let (mut first, mut left) = (self.start.get(), self.count);
        std::iter::from_fn(move || {
            let count = (Run::LONGEST - (first % Run::LONGEST)).min(left);
            let run = Run { first, count };
            first = first.wrapping_add(count);
            left -= count;
            (count > 0).then_some(run)
        })
    }
}

/// Consecutive nonces, at least one, with the same upper 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Run {
    const LONGEST: u64 = 1 << 16;

    /// Returns the last nonce.
    pub(crate) const fn last(self) -> u64 {
        self.first + (self.count - 1)
    }
}

#[cfg(test)]
mod tests {
    use chainweb::Nonce;

    use super::{NonceRange, Run};

    #[track_caller]
    fn check(start: u64, count: u64, runs: &[(u64, u64)]) {
        let expected: Vec<Run> = runs
            .iter()
            .map(|&(first, count)| Run { first, count })
            .collect();
        let range = NonceRange::new(Nonce::new(start), count);
        // One more than expected, to detect a range without end.
        let found: Vec<Run> = range.runs().take(expected.len() + 1).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn runs_end_where_the_upper_48_bits_change() {
        check(0, 0, &[]);
        check(u64::MAX, 0, &[]);
        check(5, 1, &[(5, 1)]);
        check(0, 0x1_0000, &[(0, 0x1_0000)]);
        check(0, 0x1_0001, &[(0, 0x1_0000), (0x1_0000, 1)]);
        check(0xffff, 2, &[(0xffff, 1), (0x1_0000, 1)]);
        check(0xffff_fffe, 3, &[(0xffff_fffe, 2), (0x1_0000_0000, 1)]);
    }

    #[test]
    fn zero_follows_the_largest_nonce() {
        check(u64::MAX - 1, 5, &[(u64::MAX - 1, 2), (0, 3)]);
    }

    #[test]
    fn the_longest_range_stops_one_before_its_start() {
        let mut runs = NonceRange::new(Nonce::new(1), u64::MAX).runs();
        assert_eq!(
            runs.next(),
            Some(Run {
                first: 1,
                count: 0xffff
            })
        );
        assert_eq!(
            runs.next(),
            Some(Run {
                first: 0x1_0000,
                count: 0x1_0000
            })
        );
        check(
            0u64.wrapping_sub(0x1_8000),
            0x1_8001,
            &[
                (0u64.wrapping_sub(0x1_8000), 0x8000),
                (0u64.wrapping_sub(0x1_0000), 0x1_0000),
                (0, 1),
            ],
        );
    }
}
