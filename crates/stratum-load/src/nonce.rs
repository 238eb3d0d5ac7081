//! Division of a nonce between server and device.

use chainweb::Nonce;

/// Division of the eight bytes of a nonce into nonce1 and nonce2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NonceSplit {
    /// The server's part, the low bytes of the nonce.
    nonce1: u64,
    nonce1_bytes: u32,
}

impl NonceSplit {
    /// Parses nonce1, big-endian in hex; returns `None` if it is malformed or longer than eight
    /// bytes.
    pub(crate) fn from_be_hex(nonce1: &str) -> Option<Self> {
        let bytes = const_hex::decode(nonce1).ok()?;
        let nonce1_bytes = u32::try_from(bytes.len()).ok()?;
        (nonce1_bytes <= 8).then(|| Self {
            nonce1: bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
            nonce1_bytes,
        })
    }

    /// Returns the number of bits of nonce2.
    pub(crate) const fn nonce2_bits(self) -> u32 {
        64 - 8 * self.nonce1_bytes
    }

    /// Returns nonce2 in hex, most significant digit first, with leading zeros.
    pub(crate) fn nonce2_be_hex(self, nonce2: u64) -> String {
        let digits = usize::try_from(self.nonce2_bits() / 4).expect("at most 16");
        format!("{nonce2:0digits$x}")
    }

    /// Returns the nonce with `nonce2` as its upper part.
    pub(crate) fn nonce(self, nonce2: u64) -> Nonce {
        let upper = nonce2.checked_shl(8 * self.nonce1_bytes).unwrap_or(0);
        Nonce::new(upper | self.nonce1)
    }

    /// Returns nonce1 and its length, for the identity of hashed work.
    pub(crate) fn to_le_bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        bytes[..8].copy_from_slice(&self.nonce1.to_le_bytes());
        bytes[8] = u8::try_from(self.nonce1_bytes).expect("at most 8");
        bytes
    }
}

/// A nonce1 of two zero bytes, the usual length.
impl Default for NonceSplit {
    fn default() -> Self {
        Self {
            nonce1: 0,
            nonce1_bytes: 2,
        }
    }
}
