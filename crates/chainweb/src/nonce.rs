//! The 64 bits that a miner varies.

use std::fmt;

/// A nonce: the last eight bytes of a work header, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(u64);

impl Nonce {
    /// The nonce of this value.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The value of the nonce.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads the header's form.
    pub const fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// The header's form.
    pub const fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// Sixteen hex digits, most significant first: the form of external workers and of Stratum.
impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
