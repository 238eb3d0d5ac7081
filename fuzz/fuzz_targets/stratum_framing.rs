//! Lines do not depend on how their bytes are cut into chunks, and any line parses without a panic.
//!
//! `cargo +nightly fuzz run stratum_framing`

#![no_main]

use stratum::framing::Framing;
use stratum::message::Request;

fn lines<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut framing = Framing::default();
    let mut lines = Vec::new();
    for mut chunk in chunks {
        while let Some(line) = framing.next(&mut chunk) {
            let Ok(line) = line else {
                return lines;
            };
            lines.push(line.to_vec());
        }
    }
    lines
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&size, stream)) = bytes.split_first() else {
        return;
    };
    let whole = lines([stream]);
    assert_eq!(lines(stream.chunks(usize::from(size).max(1))), whole);
    for line in &whole {
        let _ = Request::parse(line);
    }
});
