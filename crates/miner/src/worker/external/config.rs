//! The settings of the external worker, and how work is written for a command.

use std::num::NonZeroUsize;
use std::time::Duration;

use chainweb::{Target, WorkHeader};

use super::command::ShellCommand;
use crate::timing::CommandTiming;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of processes running at a time.
    pub processes: NonZeroUsize,
    /// The command of each process.
    pub command: ShellCommand,
    /// The protocol of the command.
    pub protocol: Protocol,
    /// The first nonce of the first process with [`Protocol::Lines`]. Instances of this program
    /// on the same work should use different values.
    pub first_nonce: u64,
    /// Pauses and time limits.
    pub timing: CommandTiming,
}

/// How a command receives work and returns nonces.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// One run of the command per header, as in the Haskell client.
    Once(Once),
    /// A long-running process, which receives job after job.
    Lines,
}

/// Settings of [`Protocol::Once`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Once {
    /// The encoding of the target, which is the last argument.
    pub target: TargetEncoding,
    /// The encoding of the header on standard input.
    pub input: InputEncoding,
    /// How long a command may run before it is restarted with a fresh header; no limit if `None`.
    pub time_limit: Option<Duration>,
}

/// The two encodings in which external workers have received targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetEncoding {
    /// The 32 bytes as in the header, least significant first, as the documentation of the Haskell
    /// client specifies.
    #[default]
    Bytes,
    /// Four 64-bit words, least significant word first, each word most significant digit first, as
    /// version 0.5 of the Haskell client writes.
    Words,
}

impl TargetEncoding {
    /// Returns the target as 64 hex digits.
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

/// The encoding of the header on a command's standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputEncoding {
    /// The bytes of the header.
    #[default]
    Binary,
    /// One line of hex digits, two for each byte.
    Hex,
}

impl InputEncoding {
    pub(super) fn encode(self, header: &WorkHeader) -> Vec<u8> {
        match self {
            Self::Binary => header.as_bytes().to_vec(),
            Self::Hex => format!("{}\n", const_hex::encode(header.as_bytes())).into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chainweb::Target;

    use super::{InputEncoding, TargetEncoding};
    use crate::worker::external::test_job::job;

    #[track_caller]
    fn check(be_hex: &str, bytes: &str, words: &str) {
        let target = Target::from_be_hex(be_hex).expect("a target");
        assert_eq!(TargetEncoding::Bytes.to_hex(target), bytes);
        assert_eq!(TargetEncoding::Words.to_hex(target), words);
    }

    /// The second target is the example in `docs/external-workers.md`.
    #[test]
    fn target_is_encoded_as_bytes_or_words() {
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

    #[test]
    fn header_is_encoded_as_bytes_or_a_line_of_hex_digits() {
        let job = job(1);
        let header = job.work.header();
        assert_eq!(InputEncoding::Binary.encode(header), header.as_bytes());
        let line = InputEncoding::Hex.encode(header);
        assert_eq!((line.len(), line.last()), (2 * 286 + 1, Some(&b'\n')));
        assert_eq!(
            const_hex::decode(line.trim_ascii()).as_deref(),
            Ok(header.as_bytes())
        );
    }
}
