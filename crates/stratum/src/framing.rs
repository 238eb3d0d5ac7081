//! Splits a byte stream into lines.
//!
//! A line ends at a newline or, if it starts with an object or array, where that closes: some
//! clients send objects without a newline between or after them. Blank lines are skipped. Other
//! text is one line up to its newline. The result does not depend on how the bytes are cut into
//! chunks. At most [`MAX_LINE`] bytes are buffered, none between lines. JSON is not parsed here.

/// The longest line in bytes, without its newline.
pub const MAX_LINE: usize = 64 * 1024;

/// A line exceeds [`MAX_LINE`]. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than 65536 bytes")]
pub struct Oversized;

/// Splits the bytes of one connection into lines.
#[derive(Debug, Default)]
pub struct Framing {
    /// The start of an incomplete line, or the line returned last.
    buffer: Vec<u8>,
    scan: Scan,
}

/// The state at the end of the bytes scanned so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scan {
    /// Before a line.
    #[default]
    Blank,
    /// In a line that starts with neither object nor array: only a newline ends it.
    Text,
    /// Within this many objects and arrays.
    Nested(u32),
    /// In a string within them.
    String(u32),
    /// After a backslash in the string.
    Escape(u32),
    /// The line in `buffer` was returned.
    Returned,
}

/// The bytes that can change the state within a line.
const STRUCTURAL: [bool; 256] = {
    let mut structural = [false; 256];
    let bytes = br#"{}[]"\"#;
    let mut at = 0;
    while at < bytes.len() {
        structural[bytes[at] as usize] = true;
        at += 1;
    }
    structural[b'\n' as usize] = true;
    structural
};

/// The effect of a byte on the line.
enum Step {
    /// The line continues.
    Continue(Scan),
    /// The line ends with this byte.
    Last,
    /// The line ends before this byte.
    Newline,
}

impl Scan {
    /// Whether only [`STRUCTURAL`] bytes change the state.
    fn is_steady(self) -> bool {
        matches!(self, Self::Text | Self::Nested(_) | Self::String(_))
    }

    fn step(self, byte: u8) -> Step {
        if byte == b'\n' {
            return Step::Newline;
        }
        Step::Continue(match (self, byte) {
            (Self::Blank | Self::Returned, b'{' | b'[') => Self::Nested(1),
            (Self::Nested(1), b'}' | b']') => return Step::Last,
            (Self::Nested(depth), b'}' | b']') => Self::Nested(depth - 1),
            // `MAX_LINE` bounds the depth.
            (Self::Nested(depth), b'{' | b'[') => Self::Nested(depth + 1),
            (Self::String(depth), b'"') => Self::Nested(depth),
            (Self::String(depth), b'\\') => Self::Escape(depth),
            (Self::Nested(depth), b'"') | (Self::Escape(depth), _) => Self::String(depth),
            (Self::Nested(_) | Self::String(_), _) => self,
            (Self::Blank | Self::Returned | Self::Text, _) => Self::Text,
        })
    }
}

impl Framing {
    /// Returns the next line that ends in `chunk`, without its newline, and advances `chunk` past
    /// it. Returns `None` at the end of the chunk, whose rest is buffered. Copies no line that
    /// lies within one chunk.
    ///
    /// # Errors
    /// Returns [`Oversized`] as soon as a line exceeds [`MAX_LINE`].
    pub fn next<'s, 'c: 's>(
        &'s mut self,
        chunk: &mut &'c [u8],
    ) -> Option<Result<&'s [u8], Oversized>> {
        if self.scan == Scan::Returned {
            self.buffer.clear();
            self.scan = Scan::Blank;
        }
        if self.scan == Scan::Blank {
            *chunk = chunk.trim_ascii_start();
        }
        let mut scan = self.scan;
        let mut end = None;
        // One byte beyond the limit proves the line too long.
        let scanned = chunk.len().min(MAX_LINE + 1 - self.buffer.len());
        let bytes = &chunk[..scanned];
        let mut at = 0;
        loop {
            if scan.is_steady() {
                while bytes
                    .get(at)
                    .is_some_and(|byte| !STRUCTURAL[usize::from(*byte)])
                {
                    at += 1;
                }
            }
            let Some(&byte) = bytes.get(at) else { break };
            match scan.step(byte) {
                Step::Continue(next) => scan = next,
                Step::Last => {
                    end = Some((at + 1, at + 1));
                    break;
                }
                Step::Newline => {
                    end = Some((at, at + 1));
                    break;
                }
            }
            at += 1;
        }
        let (line, used) = end.unwrap_or((scanned, scanned));
        let (line, rest) = (&chunk[..line], &chunk[used..]);
        *chunk = rest;
        if self.buffer.len() + line.len() > MAX_LINE {
            return Some(Err(Oversized));
        }
        if end.is_none() {
            if line.is_empty() && self.buffer.is_empty() {
                // An idle connection keeps no allocation.
                self.buffer = Vec::new();
            }
            self.buffer.extend_from_slice(line);
            self.scan = scan;
            return None;
        }
        self.scan = Scan::Blank;
        if self.buffer.is_empty() {
            return Some(Ok(line.trim_ascii_end()));
        }
        self.buffer.extend_from_slice(line);
        self.scan = Scan::Returned;
        Some(Ok(self.buffer.trim_ascii_end()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Framing, MAX_LINE, Oversized};

    type Lines = Vec<Result<Vec<u8>, Oversized>>;

    fn lines<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Lines {
        let mut framing = Framing::default();
        let mut lines = Lines::new();
        for mut chunk in chunks {
            while let Some(line) = framing.next(&mut chunk) {
                lines.push(line.map(<[u8]>::to_vec));
                if lines.last() == Some(&Err(Oversized)) {
                    return lines;
                }
            }
            assert!(chunk.is_empty(), "the chunk is consumed");
        }
        lines
    }

    #[track_caller]
    fn check(stream: &str, expected: &[&str]) {
        let expected: Lines = expected
            .iter()
            .map(|line| Ok(line.as_bytes().to_vec()))
            .collect();
        assert_eq!(lines([stream.as_bytes()]), expected);
    }

    #[test]
    fn lines_end_at_newlines_and_where_their_object_closes() {
        check("{\"a\":1}\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":[{}]}{\"b\":2}\n", &["{\"a\":[{}]}", "{\"b\":2}"]);
        check("{\"a\":1}", &["{\"a\":1}"]);
        check("{\"a\":1", &[]);
        check(
            r#"{"a":"}{\"}\\"}{"b":1}"#,
            &[r#"{"a":"}{\"}\\"}"#, r#"{"b":1}"#],
        );
        check("\n\r\n  \t\n", &[]);
        check(
            "GET / HTTP/1.1\r\nHost: a\r\n",
            &["GET / HTTP/1.1", "Host: a"],
        );
        check("x {\"a\":1}{}\n", &["x {\"a\":1}{}"]);
        check("{\"a\":1} x\n", &["{\"a\":1}", "x"]);
        check("{\"a\":\n1}\n", &["{\"a\":", "1}"]);
        check("[1][2]\n", &["[1]", "[2]"]);
    }

    #[test]
    fn a_line_of_maximal_length_is_returned_and_a_longer_one_is_an_error() {
        for chunk in [1, 1000, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE] {
            let mut stream = vec![b'x'; MAX_LINE];
            stream.push(b'\n');
            assert_eq!(
                lines(stream.chunks(chunk)),
                [Ok(stream[..MAX_LINE].to_vec())]
            );
            stream.insert(0, b'x');
            assert_eq!(lines(stream.chunks(chunk)), [Err(Oversized)]);
            // The error does not wait for the newline.
            assert_eq!(lines(stream[..=MAX_LINE].chunks(chunk)), [Err(Oversized)]);
        }
    }

    #[test]
    fn nothing_is_allocated_between_lines() {
        let mut framing = Framing::default();
        for mut chunk in [&b"{\"a\""[..], b":1}", b"\n"] {
            while framing.next(&mut chunk).is_some() {}
        }
        assert_eq!(framing.buffer.capacity(), 0);
    }

    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"{"[..]),
            Just(&b"}"[..]),
            Just(&b"[]"[..]),
            Just(&b"\""[..]),
            Just(&b"\\"[..]),
            Just(&b"\n"[..]),
            Just(&b"\r\n"[..]),
            Just(&b" "[..]),
            Just(&b"\xff\xc3"[..]),
            Just(&b"{\"id\":1,\"method\":\"mining.ping\"}"[..]),
            Just(&b"x"[..]),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_chunks(stream in streams(), cuts in prop::collection::vec(0..200_usize, 0..12)) {
            let whole = lines([&stream[..]]);
            prop_assert_eq!(&lines(stream.chunks(1)), &whole);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&stream[from..cut]);
                from = cut;
            }
            chunks.push(&stream[from..]);
            prop_assert_eq!(&lines(chunks), &whole);
            for cut in 0..=stream.len() {
                prop_assert_eq!(&lines([&stream[..cut], &stream[cut..]]), &whole);
            }
        }

        #[test]
        fn objects_without_a_newline_between_them_are_separate_lines(count in 1..10_usize, glue in "[ \r\n]{0,3}") {
            let line = r#"{"id":[1,"}"],"method":"mining.ping","params":[]}"#;
            let stream = vec![line; count].join(&glue);
            prop_assert_eq!(lines([stream.as_bytes()]), vec![Ok(line.as_bytes().to_vec()); count]);
        }
    }
}
