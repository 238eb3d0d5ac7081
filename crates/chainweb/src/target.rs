//! The upper bound of a proof-of-work hash, in three forms.
//!
//! A *target* is a 256-bit number; a hash meets it if it is less than **or equal**. A *difficulty*
//! is the expected number of hashes to meet it, 2^256 / (target + 1). A *level* is its number of
//! leading zero bits. A target is little-endian in headers and big-endian hex in Stratum, so every
//! conversion names its byte order.

use std::fmt;

use ruint::aliases::U256;

use crate::PowHash;

/// The largest valid proof-of-work hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(U256);

/// The error of parsing a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a target has 64 hex digits, most significant first, not {0:?}")]
pub struct TargetError(String);

impl Target {
    /// The easiest target, met by every hash.
    pub const MAX: Self = Self(U256::MAX);

    pub(crate) const fn from_u256(value: U256) -> Self {
        Self(value)
    }

    pub(crate) const fn as_u256(self) -> U256 {
        self.0
    }

    /// Reads the encoding in headers and work.
    pub const fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_le_bytes(bytes))
    }

    /// Returns the encoding in headers and work.
    pub const fn to_le_bytes(self) -> [u8; 32] {
        self.0.to_le_bytes()
    }

    /// Parses 64 hex digits, most significant first.
    ///
    /// # Errors
    /// On any other text.
    pub fn from_be_hex(text: &str) -> Result<Self, TargetError> {
        let mut be = [0; 32];
        if text.len() != 64 || const_hex::decode_to_slice(text, &mut be).is_err() {
            return Err(TargetError(text.chars().take(80).collect()));
        }
        Ok(Self(U256::from_be_bytes(be)))
    }

    /// Returns 64 hex digits, most significant first.
    pub fn to_be_hex(self) -> String {
        const_hex::encode(self.0.to_be_bytes::<32>())
    }

    /// Returns the decimal digits.
    pub fn to_decimal(self) -> String {
        self.0.to_string()
    }

    /// Whether the target is zero, which no work can have.
    pub const fn is_zero(self) -> bool {
        self.0.const_is_zero()
    }

    /// Whether `hash`, as a little-endian number, is less than or equal to the target.
    pub fn is_met_by(self, hash: &PowHash) -> bool {
        U256::from_le_bytes(*hash.as_le_bytes()) <= self.0
    }

    /// Returns the expected number of hashes to meet the target, rounded down.
    pub fn difficulty(self) -> Difficulty {
        match self.0.checked_add(U256::ONE) {
            // 2^256 / d = (2^256 - d) / d + 1, and negation computes 2^256 - d.
            Some(divisor) => {
                Difficulty((divisor.wrapping_neg() / divisor).saturating_add(U256::ONE))
            }
            None => Difficulty(U256::ONE),
        }
    }

    /// Returns the number of leading zero bits, which every hash that meets the target has.
    pub const fn level(self) -> Level {
        #[expect(clippy::cast_possible_truncation, reason = "at most 256")]
        Level(self.0.leading_zeros() as u16)
    }
}

/// Writes 64 hex digits, most significant first.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_be_hex())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// An expected number of hashes, at least 1 and at most 2^256 - 1, also for a target of zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difficulty(U256);

impl Difficulty {
    /// Returns the difficulty of this many hashes; 0 becomes 1.
    pub fn from_u128(hashes: u128) -> Self {
        Self(U256::from(hashes.max(1)))
    }

    /// Returns the nearest difficulty from 1 to 2^256 - 1; NaN becomes 1.
    pub fn from_f64(hashes: f64) -> Self {
        if hashes.is_nan() || hashes < 1.0 {
            return Self(U256::ONE);
        }
        // A finite double is mantissa · 2^exponent with a mantissa of 53 bits.
        let exponent = i64::from(((hashes.to_bits() >> 52) & 0x7ff) as u16) - 1075;
        let mantissa = U256::from((hashes.to_bits() & ((1 << 52) - 1)) | 1 << 52);
        if exponent > 256 - 53 {
            return Self(U256::MAX);
        }
        let value = match usize::try_from(exponent) {
            Ok(shift) => mantissa << shift,
            Err(_) => mantissa >> usize::try_from(-exponent).expect("the exponent is negative"),
        };
        Self(value.max(U256::ONE))
    }

    /// Returns the nearest double.
    pub fn as_f64(self) -> f64 {
        self.0
            .as_limbs()
            .iter()
            .rev()
            .fold(0.0, |sum, limb| sum * 2_f64.powi(64) + *limb as f64)
    }

    /// Returns the easiest target of at least this difficulty: 2^256 / difficulty - 1, rounded
    /// down.
    pub fn target(self) -> Target {
        // floor(2^256 / d) - 1 = floor((2^256 - d) / d), and negation computes 2^256 - d.
        Target(self.0.wrapping_neg() / self.0)
    }
}

/// Writes all digits, without a fraction.
impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A number of leading zero bits, 0 to 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u16);

impl Level {
    /// Returns the level of this many zero bits, or `None` above 256.
    pub const fn new(bits: u16) -> Option<Self> {
        if bits <= 256 { Some(Self(bits)) } else { None }
    }

    /// Returns the number of zero bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Returns the easiest target of this level: all ones after the zero bits.
    pub fn target(self) -> Target {
        // Shifting out all 256 bits leaves zero.
        Target(U256::MAX >> usize::from(self.0))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Difficulty, Level, Target};
    use crate::PowHash;

    #[test]
    fn a_hash_equal_to_the_target_meets_it_and_one_above_does_not() {
        let mut bytes = [0; 32];
        bytes[31] = 1;
        let target = Target::from_le_bytes(bytes);
        assert!(target.is_met_by(&PowHash::from_le_bytes(bytes)));
        bytes[0] = 1;
        assert!(!target.is_met_by(&PowHash::from_le_bytes(bytes)));
    }

    #[test]
    fn difficulty_is_two_to_the_256_over_target_plus_one() {
        #[track_caller]
        fn check(target: Target, difficulty: &str) {
            assert_eq!(target.difficulty().to_string(), difficulty);
        }
        check(Target::MAX, "1");
        check(Level::new(1).expect("a level").target(), "2");
        check(Level::new(40).expect("a level").target(), "1099511627776");
        // 2^256 does not fit.
        check(
            Level::new(256).expect("a level").target(),
            &ruint::aliases::U256::MAX.to_string(),
        );
    }

    #[test]
    fn the_target_of_2_to_the_40_hashes_in_stratum_hex() {
        let target = Level::new(40).expect("a level").target();
        let text = "0000000000ffffffffffffffffffffffffffffffffffffffffffffffffffffff";
        assert_eq!(target.to_be_hex(), text);
        assert_eq!(Target::from_be_hex(text), Ok(target));
        assert_eq!(target.level().bits(), 40);
        assert!(Target::from_be_hex(&text[1..]).is_err());
        assert!(Target::from_be_hex(&text.replace('0', "g")).is_err());
        assert!(Target::from_be_hex(&format!("0x{}", &text[2..])).is_err());
    }

    #[test]
    fn a_double_becomes_the_nearest_difficulty() {
        #[track_caller]
        fn check(hashes: f64, difficulty: &str) {
            assert_eq!(Difficulty::from_f64(hashes).to_string(), difficulty);
        }
        check(f64::NAN, "1");
        check(-5.0, "1");
        check(0.25, "1");
        check(2_000_000.75, "2000000");
        check(2_f64.powi(70), "1180591620717411303424");
        check(f64::INFINITY, &ruint::aliases::U256::MAX.to_string());
        check(2_f64.powi(256), &ruint::aliases::U256::MAX.to_string());
    }

    #[test]
    fn a_difficulty_becomes_the_nearest_double() {
        for difficulty in [1.0, 2_000_000.0, 2_f64.powi(64), 1.5 * 2_f64.powi(200)] {
            assert_eq!(
                Difficulty::from_f64(difficulty).as_f64().to_string(),
                difficulty.to_string()
            );
        }
    }

    #[test]
    fn a_level_is_written_as_its_number_of_bits() {
        assert_eq!(Level::new(40).expect("a level").to_string(), "40");
    }

    proptest! {
        #[test]
        fn the_target_of_a_difficulty_has_that_difficulty(
            difficulty in 1..=u128::MAX, shift in 0_u32..128
        ) {
            let difficulty = Difficulty::from_u128(difficulty >> shift);
            let target = difficulty.target();
            prop_assert_eq!(target.difficulty(), difficulty);
            if target != Target::MAX {
                let mut easier = target.to_le_bytes();
                for byte in &mut easier {
                    let (sum, carry) = byte.overflowing_add(1);
                    *byte = sum;
                    if !carry { break }
                }
                prop_assert!(Target::from_le_bytes(easier).difficulty() < difficulty);
            }
        }

        #[test]
        fn hex_is_the_reverse_of_the_bytes(mut bytes: [u8; 32]) {
            let target = Target::from_le_bytes(bytes);
            prop_assert_eq!(target.to_le_bytes(), bytes);
            bytes.reverse();
            prop_assert_eq!(target.to_be_hex(), const_hex::encode(bytes));
        }
    }
}
