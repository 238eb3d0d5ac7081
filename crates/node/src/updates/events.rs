//! Server-sent events, as far as a chainweb node uses them: names without data.
//!
//! A node writes `event:New Cut` and an empty line and never a data line (wai-extra,
//! `Network/Wai/EventSource/EventStream.hs`), which conforming parsers must drop. So this one
//! dispatches on the empty line whatever came before it, if anything did. Otherwise it follows the
//! standard (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): LF, CRLF or CR end a
//! line, one space after the colon is dropped, comments and other fields are skipped.
//! Pure: bytes in, events out, in whatever pieces the bytes come.

/// Longer lines are skipped as a whole. The longest name a node sends has 15 bytes.
const MAX_LINE_BYTES: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An event of a node's update stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    NewCut,
    RefreshedBlock,
    /// Of another name, or of none.
    Other(String),
}

/// The part of an event stream seen so far that is not yet an event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    line_is_too_long: bool,
    /// The last byte was a CR, which ends the line with or without an LF.
    after_cr: bool,
    /// The stream's first line has been seen; only before it may a byte order mark stand.
    begun: bool,
    /// The lines since the last empty line held a field of an event.
    pending: Option<String>,
}

impl Events {
    /// Takes the next bytes of the stream and appends the events they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], events: &mut impl Extend<Event>) {
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ if self.line.len() < MAX_LINE_BYTES => self.line.push(byte),
                _ => self.line_is_too_long = true,
            }
        }
    }

    fn end_line(&mut self) -> Option<Event> {
        let mut line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.begun, true);
        if first && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        let event = if std::mem::take(&mut self.line_is_too_long) {
            None
        } else if line.is_empty() {
            self.pending.take().map(Event::from_name)
        } else {
            self.field(&line);
            None
        };
        line.clear();
        self.line = line;
        event
    }

    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.pending = Some(String::from_utf8_lossy(value).into_owned()),
            b"data" => _ = self.pending.get_or_insert_default(),
            _ => {}
        }
    }
}

impl Event {
    fn from_name(name: String) -> Self {
        match name.as_str() {
            "New Cut" => Self::NewCut,
            "Refreshed Block" => Self::RefreshedBlock,
            _ => Self::Other(name),
        }
    }
}
