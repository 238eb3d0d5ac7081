//! Strings out of raw JSON, without a copy where there is no escape in them.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// The string that `raw` is, `None` if it is another kind of value or has escapes that name no character.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The string that `raw` is, or the digits of the number.
pub(super) fn string_or_number(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        Some(Cow::Borrowed(text))
    } else {
        string(raw)
    }
}

/// Writes `text` as a JSON string.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string is JSON and memory takes it");
}
