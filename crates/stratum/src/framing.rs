//! Lines out of the chunks that a socket gives.
//!
//! A line ends at its newline, or as soon as the object that it begins with is closed: some clients glue objects
//! together, and some leave the last newline out. Blank lines are skipped. What is not JSON at all is one line up to
//! its newline. The result does not depend on how the bytes are cut into chunks, and no more than [`MAX_LINE`] bytes
//! are ever held; nothing is held between whole lines. Nothing here knows what a line means.

/// The longest line in bytes, its newline not counted.
pub const MAX_LINE: usize = 64 * 1024;

/// A line is longer than [`MAX_LINE`]; nothing behind it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than 65536 bytes")]
pub struct Oversized;

/// Puts the lines of one connection together.
#[derive(Debug, Default)]
pub struct Framing {
    /// The beginning of a line whose end has not come, or the line given out last.
    held: Vec<u8>,
    scan: Scan,
}

/// Where in a line the bytes end that were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scan {
    /// In front of a line.
    #[default]
    Blank,
    /// In a line that does not begin with an object or array: only a newline ends it.
    Text,
    /// Inside this many objects and arrays.
    Nested(u32),
    /// In a string inside of them.
    String(u32),
    /// Behind a backslash in that string.
    Escape(u32),
    /// The line in `held` was given out.
    Given,
}

/// The bytes that can change where in a line the scan is, once it is in one.
const TELLING: [bool; 256] = {
    let mut telling = [false; 256];
    let bytes = br#"{}[]"\"#;
    let mut at = 0;
    while at < bytes.len() {
        telling[bytes[at] as usize] = true;
        at += 1;
    }
    telling[b'\n' as usize] = true;
    telling
};

/// What a byte does to the line.
enum Step {
    /// It belongs to the line.
    Take(Scan),
    /// It is the last byte of the line.
    Last,
    /// It ends the line and does not belong to it.
    Newline,
}

impl Scan {
    /// Whether only [`TELLING`] bytes change anything.
    fn is_steady(self) -> bool {
        matches!(self, Self::Text | Self::Nested(_) | Self::String(_))
    }

    fn step(self, byte: u8) -> Step {
        if byte == b'\n' {
            return Step::Newline;
        }
        Step::Take(match (self, byte) {
            (Self::Blank | Self::Given, b'{' | b'[') => Self::Nested(1),
            (Self::Nested(1), b'}' | b']') => return Step::Last,
            (Self::Nested(depth), b'}' | b']') => Self::Nested(depth - 1),
            // A line has far fewer bytes than the count takes.
            (Self::Nested(depth), b'{' | b'[') => Self::Nested(depth + 1),
            (Self::String(depth), b'"') => Self::Nested(depth),
            (Self::String(depth), b'\\') => Self::Escape(depth),
            (Self::Nested(depth), b'"') | (Self::Escape(depth), _) => Self::String(depth),
            (Self::Nested(_) | Self::String(_), _) => self,
            (Self::Blank | Self::Given | Self::Text, _) => Self::Text,
        })
    }
}

impl Framing {
    /// The next line whose end lies in `chunk`, without its newline; what is used of the chunk is cut off its front.
    /// `None` when the chunk is used up: the rest of it is held. A line that came in one piece is not copied.
    pub fn next<'s, 'c: 's>(
        &'s mut self,
        chunk: &mut &'c [u8],
    ) -> Option<Result<&'s [u8], Oversized>> {
        if self.scan == Scan::Given {
            self.held.clear();
            self.scan = Scan::Blank;
        }
        if self.scan == Scan::Blank {
            *chunk = chunk.trim_ascii_start();
        }
        let mut scan = self.scan;
        let mut end = None;
        // One byte more than fits shows that the line is too long.
        let looked_at = chunk.len().min(MAX_LINE + 1 - self.held.len());
        let bytes = &chunk[..looked_at];
        let mut place = 0;
        loop {
            if scan.is_steady() {
                while bytes
                    .get(place)
                    .is_some_and(|byte| !TELLING[usize::from(*byte)])
                {
                    place += 1;
                }
            }
            let Some(&byte) = bytes.get(place) else { break };
            match scan.step(byte) {
                Step::Take(next) => scan = next,
                Step::Last => {
                    end = Some((place + 1, place + 1));
                    break;
                }
                Step::Newline => {
                    end = Some((place, place + 1));
                    break;
                }
            }
            place += 1;
        }
        let (line, used) = end.unwrap_or((looked_at, looked_at));
        let (line, rest) = (&chunk[..line], &chunk[used..]);
        *chunk = rest;
        if self.held.len() + line.len() > MAX_LINE {
            return Some(Err(Oversized));
        }
        if end.is_none() {
            if line.is_empty() && self.held.is_empty() {
                // An idle connection keeps no buffer.
                self.held = Vec::new();
            }
            self.held.extend_from_slice(line);
            self.scan = scan;
            return None;
        }
        self.scan = Scan::Blank;
        if self.held.is_empty() {
            return Some(Ok(line.trim_ascii_end()));
        }
        self.held.extend_from_slice(line);
        self.scan = Scan::Given;
        Some(Ok(self.held.trim_ascii_end()))
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
            assert!(chunk.is_empty(), "the chunk is used up");
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
    fn lines_end_at_newlines_and_where_their_object_is_closed() {
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
    fn a_line_of_the_greatest_length_passes_and_one_byte_more_does_not() {
        for chunk in [1, 1000, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE] {
            let mut stream = vec![b'x'; MAX_LINE];
            stream.push(b'\n');
            assert_eq!(
                lines(stream.chunks(chunk)),
                [Ok(stream[..MAX_LINE].to_vec())]
            );
            stream.insert(0, b'x');
            assert_eq!(lines(stream.chunks(chunk)), [Err(Oversized)]);
            // Nobody waits for the newline of a line that is already too long.
            assert_eq!(lines(stream[..=MAX_LINE].chunks(chunk)), [Err(Oversized)]);
        }
    }

    #[test]
    fn no_buffer_is_kept_between_lines() {
        let mut framing = Framing::default();
        for mut chunk in [&b"{\"a\""[..], b":1}", b"\n"] {
            while framing.next(&mut chunk).is_some() {}
        }
        assert_eq!(framing.held.capacity(), 0);
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
        fn chunks_do_not_matter(stream in streams(), cuts in prop::collection::vec(0..200_usize, 0..12)) {
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
        fn glued_lines_are_the_lines(count in 1..10_usize, glue in "[ \r\n]{0,3}") {
            let line = r#"{"id":[1,"}"],"method":"mining.ping","params":[]}"#;
            let stream = vec![line; count].join(&glue);
            prop_assert_eq!(lines([stream.as_bytes()]), vec![Ok(line.as_bytes().to_vec()); count]);
        }
    }
}
