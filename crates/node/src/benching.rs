//! What the benches measure: the decoding of a node's responses.

use crate::updates::events::Events;
use crate::{Cut, Malformed};

/// Decodes a response to `/cut`.
///
/// # Errors
/// If it has no tips.
pub fn cut(body: &[u8]) -> Result<Cut, Malformed> {
    Cut::from_json(body)
}

/// Parses an update stream that arrives in these pieces, and returns the number of its events.
pub fn updates<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let (mut parser, mut events) = (Events::default(), Vec::new());
    let mut count = 0;
    for piece in pieces {
        parser.feed(piece, &mut events);
        count += events.len();
        events.clear();
    }
    count
}
