//! Hex numbers in a command's output: most significant digit first, in either case, `0x` optional.

use std::ops::RangeInclusive;

/// Parses a number with a permitted number of digits.
pub(super) fn number(text: &[u8], lengths: RangeInclusive<usize>) -> Option<u64> {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    // `from_str_radix` alone would accept a sign.
    let is_hex = lengths.contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, as_nonce: Option<u64>, as_count: Option<u64>) {
        assert_eq!(number(text.as_bytes(), 16..=16), as_nonce);
        assert_eq!(number(text.as_bytes(), 1..=16), as_count);
    }

    #[test]
    fn most_significant_digit_comes_first() {
        let value = Some(0x0123_4567_89ab_cdef);
        check("0123456789abcdef", value, value);
        check("0123456789ABCDEF", value, value);
        check("0x0123456789abcdef", value, value);
        check("ffffffffffffffff", Some(u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn nonce_has_16_digits_and_count_1_to_16() {
        check("123456789abcdef", None, Some(0x0123_4567_89ab_cdef));
        check("0", None, Some(0));
        check("3e8", None, Some(1000));
        for text in [
            "",
            "0x",
            "00123456789abcdef",
            "+123456789abcdef",
            "0123456789abcdeg",
            " 1",
            "0X1",
        ] {
            check(text, None, None);
        }
    }
}
