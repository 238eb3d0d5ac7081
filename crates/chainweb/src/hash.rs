//! 32-byte hashes, one type per kind.
//!
//! Block and payload hashes are opaque bytes, in text unpadded base64url as in the node's API. A
//! proof-of-work hash is a number to compare with a target, in text big-endian hex.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The error of parsing a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The text does not have the 43 characters of 32 bytes in base64url.
    #[error("a hash has 43 characters of base64url, not {0}")]
    Length(usize),
    /// The text has a character outside base64url, or stray bits at its end.
    #[error("not base64url: {0:?}")]
    Encoding(String),
}

pub(crate) fn decode_base64url(text: &str) -> Result<[u8; 32], HashError> {
    if text.chars().count() != 43 {
        return Err(HashError::Length(text.chars().count()));
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| HashError::Encoding(text.to_owned()))?;
    bytes
        .try_into()
        .map_err(|_| HashError::Encoding(text.to_owned()))
}

macro_rules! opaque_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Returns the hash with these bytes, in the order of a header.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes in the order of a header.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        /// Writes unpadded base64url, 43 characters.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                decode_base64url(text).map(Self)
            }
        }
    };
}

opaque_hash! {
    /// A block's identity: the SHA-512/256 Merkle root of its header's fields.
    BlockHash
}

opaque_hash! {
    /// The hash of a block's payload, opaque to a miner.
    PayloadHash
}

/// The Blake2s-256 hash of a work header, a 256-bit number in little-endian order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PowHash([u8; 32]);

impl PowHash {
    /// Reads the output of Blake2s: the number's least significant byte first.
    pub const fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the output of Blake2s: the number's least significant byte first.
    pub const fn as_le_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Writes 64 hex digits, most significant first.
impl fmt::Display for PowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut be = self.0;
        be.reverse();
        f.pad(&const_hex::encode(be))
    }
}

impl fmt::Debug for PowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PowHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockHash, HashError};

    #[test]
    fn base64url_of_32_bytes_round_trips_and_other_text_is_an_error() {
        let text = "sI6c8YyJ48Poan9J7F6-u9bRJ5Ss5XLZP3wa_jBLRi0";
        let hash: BlockHash = text.parse().expect("a real hash");
        assert_eq!(hash.to_string(), text);
        assert_eq!("abc".parse::<BlockHash>(), Err(HashError::Length(3)));
        let stray = text.replace('-', "+");
        assert_eq!(stray.parse::<BlockHash>(), Err(HashError::Encoding(stray)));
        // The last of 43 characters carries four bits. Stray bits are refused, so a hash has one
        // spelling.
        let ambiguous = format!("{}1", &text[..42]);
        assert_eq!(
            ambiguous.parse::<BlockHash>(),
            Err(HashError::Encoding(ambiguous))
        );
    }
}
