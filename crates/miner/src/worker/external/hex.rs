//! Numbers as strangers write them: hex digits, the most significant first, in either case, `0x` before them or not.

use chainweb::Nonce;

/// A nonce: 16 digits, no more and no less, so that one that has lost some is not taken for another.
pub(super) fn nonce(text: &[u8]) -> Option<Nonce> {
    let digits = digits(text)?;
    (digits.len() == 16)
        .then(|| number(digits))
        .flatten()
        .map(Nonce::new)
}

/// A count: 1 to 16 digits.
pub(super) fn count(text: &[u8]) -> Option<u64> {
    let digits = digits(text)?;
    (1..=16)
        .contains(&digits.len())
        .then(|| number(digits))
        .flatten()
}

fn digits(text: &[u8]) -> Option<&str> {
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    // `from_str_radix` would take a sign too.
    let is_hex = text.iter().all(u8::is_ascii_hexdigit);
    is_hex.then(|| std::str::from_utf8(text).ok()).flatten()
}

fn number(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, as_nonce: Option<u64>, as_count: Option<u64>) {
        assert_eq!(nonce(text.as_bytes()).map(Nonce::get), as_nonce);
        assert_eq!(count(text.as_bytes()), as_count);
    }

    #[test]
    fn the_most_significant_digit_comes_first() {
        let value = Some(0x0123_4567_89ab_cdef);
        check("0123456789abcdef", value, value);
        check("0123456789ABCDEF", value, value);
        check("0x0123456789abcdef", value, value);
        check("ffffffffffffffff", Some(u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn a_nonce_has_all_its_digits_and_a_count_some() {
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
