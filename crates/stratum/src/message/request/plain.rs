//! A fast parser for `mining.submit` as devices write it.
//!
//! Nearly every line is one: an object with a number as id and plain strings as parameters. All
//! other lines are left to the JSON parser, which returns the same result for lines of this form.

/// A `mining.submit` request.
pub(super) struct Submission<'a> {
    pub(super) id: &'a str,
    pub(super) job: &'a str,
    pub(super) nonce2: &'a str,
}

/// Returns the submission, or `None` if the line has any other form.
pub(super) fn parse(line: &[u8]) -> Option<Submission<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut rest = Rest { line, at: 0 };
    let (mut id, mut method, mut params) = (None, None, None);
    rest.expect(b'{')?;
    loop {
        let key = rest.string()?;
        rest.expect(b':')?;
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
    Some(Submission {
        id: id?,
        job,
        nonce2,
    })
}

/// The bytes that need no escape in a string.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

/// A line, and the position in it.
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

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Returns the longest run of such bytes, which have to be ASCII.
    fn run(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.line[self.at..];
        let end = rest.bytes().position(|byte| !is_wanted(byte));
        let text = &rest[..end.unwrap_or(rest.len())];
        self.at += text.len();
        text
    }

    /// Returns an ASCII string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let text = self.run(|byte| PLAIN[usize::from(byte)]);
        // `expect` would skip spaces.
        (self.line.as_bytes().get(self.at) == Some(&b'"')).then_some(())?;
        self.at += 1;
        Some(text)
    }

    fn number(&mut self) -> Option<&'a str> {
        self.peek()?;
        let digits = self.run(|byte| byte.is_ascii_digit());
        let is_number = digits == "0" || !digits.starts_with('0') && !digits.is_empty();
        is_number.then_some(digits)
    }

    /// Returns the first three strings of an array of at least as many.
    fn strings(&mut self) -> Option<[&'a str; 3]> {
        self.expect(b'[')?;
        let mut strings = [""; 3];
        for (place, string) in strings.iter_mut().enumerate() {
            if place > 0 {
                self.expect(b',')?;
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
