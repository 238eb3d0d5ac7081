//! How a target is written on a command line.

use chainweb::Target;
use clap::ValueEnum;

/// The two ways in which targets have been given to external workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TargetEncoding {
    /// The bytes as in the header, least significant first: what the Haskell client's documentation says.
    #[default]
    Bytes,
    /// Four words of 64 bits, the lowest first, each with its most significant digit first: what the Haskell client
    /// 0.5 really writes.
    Words,
}

impl TargetEncoding {
    /// The target as 64 hex digits.
    pub(crate) fn to_hex(self, target: Target) -> String {
        let mut bytes = target.to_le_bytes();
        if self == Self::Words {
            for word in bytes.chunks_exact_mut(8) {
                word.reverse();
            }
        }
        const_hex::encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use chainweb::Target;

    use super::TargetEncoding;

    #[track_caller]
    fn check(be_hex: &str, bytes: &str, words: &str) {
        let target = Target::from_be_hex(be_hex).expect("a target");
        assert_eq!(TargetEncoding::Bytes.to_hex(target), bytes);
        assert_eq!(TargetEncoding::Words.to_hex(target), words);
    }

    /// The second is the example of the documentation.
    #[test]
    fn targets_are_written_as_bytes_or_as_words() {
        check(
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100",
            "18191a1b1c1d1e1f101112131415161708090a0b0c0d0e0f0001020304050607",
        );
        check(
            "00000000000003ffffffffffffffffffffffffffffffffffffffffffffffffff",
            "ffffffffffffffffffffffffffffffffffffffffffffffffff03000000000000",
            "ffffffffffffffffffffffffffffffffffffffffffffffff00000000000003ff",
        );
    }
}
