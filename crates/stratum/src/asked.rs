//! The share difficulty that a device asks for, in its password or by a request.
//!
//! A whole number up to 256 is a level. Any other number is a pool difficulty, in units of 2^32
//! hashes, unless a unit follows: then it is a number of hashes. The server's limits are not known
//! here.

use chainweb::{Level, Target};

use crate::vardiff::level_of;

/// The hashes of a share of pool difficulty 1.
const POOL_UNIT: f64 = 4_294_967_296.0;

/// The prefixes of units, each a thousand times the one before.
const PREFIXES: &str = "kmgtpe";

/// The most characters of a value in the log.
const LONGEST: usize = 80;

/// A difficulty that a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Name and value as the device sent them, cut to a length for the log.
    pub(crate) setting: String,
    /// The level, rounded down, or `None` if the value cannot be read.
    pub(crate) level: Option<Level>,
}

impl Asked {
    fn new(name: &str, value: &str, level: Option<Level>) -> Self {
        let value = value.chars().take(LONGEST);
        Self {
            setting: name.chars().chain(['=']).chain(value).collect(),
            level,
        }
    }

    /// Returns the difficulty of `mining.suggest_difficulty`.
    pub(crate) fn of_difficulty(value: &str) -> Self {
        Self::new("mining.suggest_difficulty", value, level(value))
    }

    /// Returns the difficulty of `mining.suggest_target`: 64 hex digits, most significant first.
    pub(crate) fn of_target(value: &str) -> Self {
        let digits = value.trim().trim_start_matches("0x");
        let target = Target::from_be_hex(digits).ok();
        Self::new("mining.suggest_target", value, target.map(Target::level))
    }

    /// Returns the difficulties in a password, in order.
    ///
    /// A password has parts such as `d=44`, separated by commas, semicolons or spaces, with or
    /// without spaces around the `=`. The names `d`, `diff` and `sd` are read, in any case. Other
    /// names of pools for a difficulty cannot be read; all other parts are ignored.
    pub(crate) fn in_password(password: &str) -> Vec<Self> {
        let mut found = Vec::new();
        for part in password.split([',', ';']) {
            let mut pieces = part.split('=').map(|piece| piece.split_whitespace());
            let mut name = pieces.next().and_then(Iterator::last);
            let mut pieces = pieces.peekable();
            while let Some(piece) = pieces.next() {
                let mut words: Vec<&str> = piece.collect();
                // The last word is the name of the next value, if there is one.
                let next = pieces.peek().and_then(|_| words.pop());
                if let Some(asked) = name.and_then(|name| Self::of_part(name, &words)) {
                    found.push(asked);
                }
                name = next;
            }
        }
        found
    }

    /// Returns the difficulty of a name and the words after `=`, or `None` for another name.
    fn of_part(name: &str, words: &[&str]) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let value = words.first().copied().unwrap_or_default();
        if !["d", "diff", "sd"].contains(&&*lower) {
            let is_difficulty = lower == "fd" || lower.contains("diff");
            return is_difficulty.then(|| Self::new(name, value, None));
        }
        // The second word may be the unit.
        let both = words.get(1).map(|unit| format!("{value} {unit}"));
        let both = both.and_then(|both| Some((level(&both)?, both)));
        Some(match both {
            Some((level, both)) => Self::new(name, &both, Some(level)),
            None => Self::new(name, value, level(value)),
        })
    }
}

/// Returns the level of a difficulty, rounded down, or `None` for a text that is none.
fn level(text: &str) -> Option<Level> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(level) = text.parse().ok().and_then(Level::new)
    {
        return Some(level);
    }
    if let Some(number) = number(text) {
        return Level::new(level_of(number * POOL_UNIT));
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_lowercase();
    let prefix = unit.strip_suffix('h').unwrap_or(&unit);
    let power = match prefix {
        "" => 0,
        _ if prefix.len() == 1 => PREFIXES.find(prefix)? + 1,
        _ => return None,
    };
    let scale = 1000_f64.powi(i32::try_from(power).ok()?);
    Level::new(level_of(number(digits.trim_end())? * scale))
}

/// Returns a number without a sign, in the forms of JSON.
fn number(text: &str) -> Option<f64> {
    let starts = text.starts_with(|first: char| first == '.' || first.is_ascii_digit());
    starts.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use chainweb::Level;

    use super::{Asked, level};

    #[test]
    fn difficulties_are_levels_pool_difficulties_or_hashes() {
        #[track_caller]
        fn check(text: &str, bits: Option<u16>) {
            assert_eq!(level(text).map(Level::bits), bits);
        }
        check("0", Some(0));
        check("44", Some(44));
        check(" 256 ", Some(256));
        check("257", Some(40));
        check("4096", Some(44));
        check("4095.9", Some(43));
        check("1.0", Some(32));
        check("0.05", Some(27));
        check(".5", Some(31));
        check("0.0", Some(0));
        check("4.096e3", Some(44));
        check("99999999999999999999999999", Some(118));
        check("1e999", Some(256));
        check("4.4T", Some(42));
        check("4.4 t", Some(42));
        check("4.4Th", Some(42));
        check("12h", Some(3));
        check("1024 H", Some(10));
        check("1k", Some(9));
        check("2M", Some(20));
        check("2g", Some(30));
        check("2P", Some(50));
        check("5E", Some(62));
        for text in [
            "", ".", "-1", "+5", "x", "inf", "nan", "h", "T", "4.4X", "4.4kk", "4 4", "1,5", "é",
            "12é", "0x10", "4.4hT", "1..2",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn passwords_have_difficulties_in_many_spellings() {
        #[track_caller]
        fn check(password: &str, found: &[(&str, Option<u16>)]) {
            let asked = Asked::in_password(password);
            let asked: Vec<_> = asked
                .iter()
                .map(|asked| (&*asked.setting, asked.level.map(Level::bits)))
                .collect();
            assert_eq!(asked, found);
        }
        check("d=4096", &[("d=4096", Some(44))]);
        check("d=0.05", &[("d=0.05", Some(27))]);
        check("D=12", &[("D=12", Some(12))]);
        check("d = 12", &[("d=12", Some(12))]);
        check("d =12,x", &[("d=12", Some(12))]);
        check("diff=12", &[("diff=12", Some(12))]);
        check("Sd=4.4T", &[("Sd=4.4T", Some(42))]);
        check("x d= 4.4 TH y", &[("d=4.4 TH", Some(42))]);
        check("x,d=41;y", &[("d=41", Some(41))]);
        check("d=41 y", &[("d=41", Some(41))]);
        check("d=x, d=47", &[("d=x", None), ("d=47", Some(47))]);
        check("a=b d=4 sd=5", &[("d=4", Some(4)), ("sd=5", Some(5))]);
        check("d=", &[("d=", None)]);
        check("d==5", &[("d=", None)]);
        check("fd=12", &[("fd=12", None)]);
        check("mindiff=8", &[("mindiff=8", None)]);
        for password in [
            "",
            "x",
            "bad=50",
            "c=KDA",
            "44",
            "=",
            "=5",
            "d",
            "password=",
        ] {
            check(password, &[]);
        }
    }

    #[test]
    fn targets_are_rounded_to_the_easier_level() {
        #[track_caller]
        fn check(text: &str, bits: Option<u16>) {
            let level = Asked::of_target(text).level;
            assert_eq!(level.map(Level::bits), bits);
        }
        check(&format!("{:0<64}", "00000000000f"), Some(44));
        check(&format!("0x{:0<64}", "00000000000e"), Some(44));
        check(&"0".repeat(64), Some(256));
        check(&"0".repeat(63), None);
        check("", None);
        check(&"é".repeat(32), None);
    }

    proptest! {
        #[test]
        fn any_password_is_read(password in "[dDfsi =,;.0-9kTHhe\u{e9}]{0,30}") {
            for asked in Asked::in_password(&password) {
                let (_, value) = asked.setting.split_once('=').expect("a name and a value");
                prop_assert!(asked.level.is_none() || asked.level == level(value));
            }
        }

        #[test]
        fn a_level_means_the_same_in_hashes(bits in 0..60_u32) {
            let hashes = format!("{}h", 1_u64 << bits);
            prop_assert_eq!(level(&hashes), level(&bits.to_string()));
        }
    }
}
