//! A submission as devices write it, read in one pass.
//!
//! Nearly every line that a server gets is one: an object with a number for its id and plain strings for parameters.
//! Any other line is left to the reader of JSON, which would take those of this form for the same.

use super::{Call, Id, Request};

/// The request if it is a submission in plain form.
pub(super) fn submission(line: &[u8]) -> Option<Request<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut rest = Rest { line, at: 0 };
    let (mut id, mut method, mut params) = (None, None, None);
    rest.take(b'{')?;
    loop {
        let key = rest.string()?;
        rest.take(b':')?;
        match key {
            "id" if id.is_none() => id = Some(rest.number()?),
            "method" if method.is_none() => method = Some(rest.string()?),
            "params" if params.is_none() => params = Some(rest.strings()?),
            _ => return None,
        }
        match rest.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    let is_submission = method == Some("mining.submit") && rest.next().is_none();
    let [_, job, nonce2] = params.filter(|_| is_submission)?;
    let (job, nonce2) = (job.into(), nonce2.into());
    Some(Request {
        id: Id(id?),
        call: Ok(Call::Submit { job, nonce2 }),
    })
}

/// The bytes that stand for themselves in a string.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

/// A line, and how much of it was read.
struct Rest<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.line.as_bytes().get(self.at)? {
                b' ' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// As many bytes of ASCII as are wanted.
    fn text(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.line[self.at..];
        let end = rest.bytes().position(|byte| !is_wanted(byte));
        let text = &rest[..end.unwrap_or(rest.len())];
        self.at += text.len();
        text
    }

    /// A string of ASCII without an escape.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let text = self.text(|byte| PLAIN[usize::from(byte)]);
        // The quote stands right behind it, or it is not the end.
        (self.line.as_bytes().get(self.at) == Some(&b'"')).then_some(())?;
        self.at += 1;
        Some(text)
    }

    fn number(&mut self) -> Option<&'a str> {
        self.peek()?;
        let digits = self.text(|byte| byte.is_ascii_digit());
        let is_number = digits == "0" || !digits.starts_with('0') && !digits.is_empty();
        is_number.then_some(digits)
    }

    /// The first three of an array of strings.
    fn strings(&mut self) -> Option<[&'a str; 3]> {
        self.take(b'[')?;
        let mut strings = [""; 3];
        for (place, string) in strings.iter_mut().enumerate() {
            if place > 0 {
                self.take(b',')?;
            }
            *string = self.string()?;
        }
        loop {
            match self.next()? {
                b']' => return Some(strings),
                b',' => drop(self.string()?),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::submission;
    use crate::message::Request;

    const LINE: &str =
        r#"{"id":12,"method":"mining.submit","params":["k:ab.rig","0a1b2c3d","00000000002a"]}"#;

    #[track_caller]
    fn check(line: &str, is_plain: bool) {
        let read = submission(line.as_bytes());
        assert_eq!(read.is_some(), is_plain, "{line}");
        let general = Request::general(line.as_bytes());
        assert!(read.is_none_or(|read| read == general), "{line}");
    }

    #[test]
    fn submissions_of_devices_are_plain_and_mean_the_same_as_any_json() {
        check(LINE, true);
        check(&LINE.replace(',', " , ").replace(':', ": "), true);
        check(
            r#"{"params":["u","a","b","0",""],"id":0,"method":"mining.submit"}"#,
            true,
        );
        check(&LINE.replace("12", "01"), false);
        check(&LINE.replace("12", "1.5"), false);
        check(&LINE.replace("12", "null"), false);
        check(&LINE.replace("rig", "\\u0041"), false);
        check(&LINE.replace("rig", "ré"), false);
        check(&LINE.replace("rig", "r\u{1}"), false);
        check(&LINE.replace("submit", "submi"), false);
        check(&LINE.replace("\"00000000002a\"", "7"), false);
        check(&LINE.replace(",\"00000000002a\"", ""), false);
        check(&LINE.replace("]}", "]}}"), false);
        check(&LINE.replace("]}", "],}"), false);
        check(&LINE.replace("]}", ",]}"), false);
        check(&LINE.replace("]}", "],\"id\":1}"), false);
        check(&LINE.replace("\"id\":12,", ""), false);
        check("", false);
    }

    proptest! {
        #[test]
        fn a_line_that_is_almost_plain_means_the_same_as_any_json(
            changes in prop::collection::vec((0..LINE.len(), prop::sample::select(&b"{}[]\"\\:,0a \n\xff"[..])), 0..4),
            length in 0..=LINE.len()
        ) {
            for length in [length, LINE.len()] {
                let mut line = LINE.as_bytes()[..length].to_vec();
                for &(at, byte) in changes.iter().filter(|(at, _)| *at < length) {
                    line[at] = byte;
                }
                if let Some(read) = submission(&line) {
                    prop_assert_eq!(read, Request::general(&line));
                }
            }
        }
    }
}
