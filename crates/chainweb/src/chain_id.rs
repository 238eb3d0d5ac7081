//! The number of a chain.
//!
//! 32 bits on the wire, little-endian. Public Pact networks use 0 to 19, EVM networks up to 97. Any
//! number is valid here: only a graph knows which chains exist.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The number of a chain in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(u32);

impl ChainId {
    /// Returns the chain with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number of the chain.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads the encoding in headers, work and update requests.
    pub const fn from_le_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }

    /// Returns the encoding in headers, work and update requests.
    pub const fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChainId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
