//! Server-sent events as a chainweb node uses them: names without data.
//!
//! A node writes `event:New Cut` and an empty line, but no data line (wai-extra,
//! `Network/Wai/EventSource/EventStream.hs`). Conforming parsers must drop such events; this one
//! dispatches them. Otherwise it follows the standard
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): LF, CRLF or CR end a line,
//! one space after the colon is dropped, comments and other fields are skipped. No I/O: bytes in,
//! events out, in pieces of any size.

/// Longer lines are skipped. The longest name of a node's events has 15 bytes.
const MAX_LINE_BYTES: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An event of a node's update stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    NewCut,
    RefreshedBlock,
    /// An event with another name or none.
    Other(String),
}

/// The parser's state between two events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    line_is_too_long: bool,
    /// Whether the last byte was a CR, which ends a line with or without an LF.
    after_cr: bool,
    /// Whether the first line is complete; only this line may start with a byte order mark.
    begun: bool,
    /// The name of the event since the last empty line, if its lines had a field of an event.
    pending: Option<String>,
}

impl Events {
    /// Parses the next bytes of the stream and appends the events they complete.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut parser, mut events) = (Events::default(), Vec::new());
        for piece in pieces {
            parser.feed(piece, &mut events);
        }
        events
    }

    fn other(name: &str) -> Event {
        Event::Other(name.to_owned())
    }

    /// Checks the events of a stream in one piece, in two pieces of all sizes, and byte by byte.
    #[track_caller]
    fn check(stream: &[u8], expected: &[Event]) {
        assert_eq!(events(&[stream]), expected);
        for at in 0..=stream.len() {
            let (start, end) = stream.split_at(at);
            assert_eq!(events(&[start, end]), expected, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&bytes), expected, "cut everywhere");
    }

    #[test]
    fn the_events_of_a_node_have_no_data() {
        check(b"event:New Cut\n\n", &[Event::NewCut]);
        check(b"event:Refreshed Block\n\n", &[Event::RefreshedBlock]);
        check(
            b"event:New Cut\n\nevent:New Cut\n\nevent:Refreshed Block\n\n",
            &[Event::NewCut, Event::NewCut, Event::RefreshedBlock],
        );
    }

    #[test]
    fn every_line_end_and_one_space_are_allowed() {
        check(b"event: New Cut\n\n", &[Event::NewCut]);
        check(b"event:  New Cut\n\n", &[other(" New Cut")]);
        check(b"event:New Cut\r\n\r\n", &[Event::NewCut]);
        check(b"event:New Cut\r\r", &[Event::NewCut]);
        check(b"event:New Cut\r\n\n", &[Event::NewCut]);
        check(b"event:New Cut\n\r\n", &[Event::NewCut]);
        check(b"\xEF\xBB\xBFevent:New Cut\n\n", &[Event::NewCut]);
        check(b"\n\xEF\xBB\xBFevent:New Cut\n\n", &[]);
    }

    #[test]
    fn comments_and_other_fields_are_skipped() {
        check(b"\n\n\r\n\r\n", &[]);
        check(b":\n\n: heartbeat\n\n", &[]);
        check(b"id: 7\nretry: 1000\n\n", &[]);
        check(
            b": hello\nid:7\nevent:New Cut\nretry:1\ndata:{}\n\n",
            &[Event::NewCut],
        );
        check(b"data: {}\n\n", &[other("")]);
        check(b"event\n\n", &[other("")]);
        check(b"Event:New Cut\n\n", &[]);
        check(b"event:new cut\n\n", &[other("new cut")]);
        check(b"event:x\nevent:New Cut\n\n", &[Event::NewCut]);
        check(b"event:\xFF\n\n", &[other("\u{FFFD}")]);
    }

    #[test]
    fn an_incomplete_event_is_not_reported() {
        check(b"event:New Cut", &[]);
        check(b"event:New Cut\n", &[]);
        check(b"event:New Cut\r\n", &[]);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_one_read() {
        let name_of = |len: usize| {
            [
                b"event:".as_slice(),
                &vec![b'x'; len - 6],
                b"\n\nevent:New Cut\n\n",
            ]
            .concat()
        };
        let longest = "x".repeat(MAX_LINE_BYTES - 6);
        check(&name_of(MAX_LINE_BYTES), &[other(&longest), Event::NewCut]);
        check(&name_of(MAX_LINE_BYTES + 1), &[Event::NewCut]);
        let (mut parser, mut found) = (Events::default(), Vec::new());
        for _ in 0..1000 {
            parser.feed(&[b'x'; 1000], &mut found);
        }
        assert!(parser.line.capacity() <= 2 * MAX_LINE_BYTES);
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_the_pieces(
            stream in r"((event|data|id|x)?:? ?(New Cut|Refreshed Block|[a-z:]{0,3})(\r\n|\n|\r|\n\n)){0,8}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let stream = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([stream.len()]) {
                pieces.push(&stream[from..cut]);
                from = cut;
            }
            prop_assert_eq!(events(&pieces), events(&[stream]));
        }

        #[test]
        fn events_of_any_bytes_do_not_depend_on_the_pieces(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let pieces: Vec<&[u8]> = bytes.chunks(7).collect();
            prop_assert_eq!(events(&pieces), events(&[&bytes]));
        }
    }
}
