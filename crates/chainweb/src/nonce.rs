//! The 64 bits that a miner varies.

use std::fmt;

/// A nonce: the last eight bytes of a work header, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(u64);

impl Nonce {
    /// Returns the nonce with this value.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Returns the value of the nonce.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads the encoding in a header.
    pub const fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// Returns the encoding in a header.
    pub const fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// Writes sixteen hex digits, most significant first, as external workers and Stratum do.
impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
