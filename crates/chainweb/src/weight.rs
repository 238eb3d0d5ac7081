//! The accumulated work of a chain up to a block.

use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;

use crate::Target;
use crate::hash::{HashError, decode_base64url};

/// The sum of the difficulties of a block and all its ancestors; 256 bits, little-endian on the
/// wire.
///
/// The node's difficulty for this sum is ⌊(2^256 - 1) / target⌋, not that of
/// [`Target::difficulty`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(U256);

impl Weight {
    /// The weight of a genesis block.
    pub const ZERO: Self = Self(U256::ZERO);

    /// Reads the encoding in a header.
    pub const fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_le_bytes(bytes))
    }

    /// Returns the encoding in a header.
    pub const fn to_le_bytes(self) -> [u8; 32] {
        self.0.to_le_bytes()
    }

    /// Returns the weight after a block with this target, at most 2^256 - 1.
    #[must_use]
    pub fn plus(self, target: Target) -> Self {
        let difficulty = U256::MAX.checked_div(target.as_u256()).unwrap_or(U256::MAX);
        Self(self.0.saturating_add(difficulty))
    }

    /// Returns the sum of two weights modulo 2^256, as in the node's cut.
    #[must_use]
    pub fn wrapping_add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

/// Reads unpadded base64url of the 32 bytes, as in the node's API.
impl FromStr for Weight {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        decode_base64url(text).map(Self::from_le_bytes)
    }
}

/// Writes the number in decimal.
impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Weight;

    #[test]
    fn weights_are_added_with_all_carries() {
        let weight = |bytes: &[u8]| {
            let mut all = [0; 32];
            all[..bytes.len()].copy_from_slice(bytes);
            Weight::from_le_bytes(all)
        };
        let first = weight(&0x01ff_ff80_u32.to_le_bytes());
        let expected = weight(&0x03ff_ff00_u32.to_le_bytes());
        assert_eq!(first.wrapping_add(first), expected);

        // 0xff + 0x00 carries only because of the previous carry.
        let mut expected = [0; 32];
        expected[31] = 1;
        let sum = weight(&[0xff; 31]).wrapping_add(weight(&[1]));
        assert_eq!(sum, Weight::from_le_bytes(expected));
    }
}
