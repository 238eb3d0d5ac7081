//! Bounds and parses text from clients.

use crate::nonce1::Nonce1Size;

/// Parses a device's part of the nonce: hex digits of either case, with or without `0x`. Missing
/// leading digits count as zeros, and surplus ones have to be zeros. Returns `None` for no digits
/// and for a number beyond the size.
pub(super) fn parse_nonce2(text: &str, size: Nonce1Size) -> Option<u64> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    let most = 2 * usize::from(size.nonce2_bytes());
    let surplus = digits.len().saturating_sub(most);
    let (surplus, digits) = digits.as_bytes().split_at(surplus);
    if digits.is_empty() || surplus.iter().any(|digit| *digit != b'0') {
        return None;
    }
    digits.iter().try_fold(0, |nonce2, digit| {
        Some(nonce2 << 4 | u64::from(char::from(*digit).to_digit(16)?))
    })
}

/// Returns the longest prefix of whole characters within `bytes` bytes.
pub(super) fn truncated(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::{parse_nonce2, truncated};
    use crate::nonce1::Nonce1Size;

    #[test]
    fn nonce2_parses_in_the_forms_that_clients_send() {
        #[track_caller]
        fn check(text: &str, nonce2: Option<u64>) {
            assert_eq!(parse_nonce2(text, Nonce1Size::TWO), nonce2);
        }
        check("0123456789ab", Some(0x0123_4567_89ab));
        check("0123456789AB", Some(0x0123_4567_89ab));
        check("0x0123456789ab", Some(0x0123_4567_89ab));
        check("0Xab", Some(0xab));
        check("abc", Some(0xabc));
        check("0", Some(0));
        check("", None);
        check("0x", None);
        check("00123456789ab", Some(0x0123_4567_89ab));
        check("0x0000000000000123456789ab", Some(0x0123_4567_89ab));
        check("1000000000000", None);
        check("0x00100000000000000000", None);
        check("é00000000000", None);
        check("+1", None);
        check("0123456789ag", None);
        check("0x0x01", None);
        check("é", None);
    }

    #[test]
    fn texts_are_truncated_between_characters() {
        assert_eq!(truncated("ééé", 5), "éé");
        assert_eq!(truncated("abc", 5), "abc");
    }
}
