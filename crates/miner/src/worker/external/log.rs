//! What the log has of a command's output.
//!
//! Lines of standard error go to the debug log; its end and quotes of standard output are part of
//! failure messages. All are bounded in size and rate, however much the command writes.

use std::time::{Duration, Instant};

use tracing::debug;

/// The longest line logged whole, in bytes.
const LINE: usize = 400;
const LINES_PER_SECOND: u64 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// How much of the end is kept, in bytes.
const TAIL: usize = 600;
/// The number of bytes of standard output quoted in a message.
const QUOTED: usize = 60;

/// The standard error of one process.
#[derive(Debug, Default)]
pub(super) struct StderrLog {
    /// The start of an incomplete line, with one byte more than [`LINE`] if that is too short.
    line: Vec<u8>,
    tail: Vec<u8>,
    limit: RateLimit,
}

impl StderrLog {
    /// Logs the complete lines of a process. No bytes are the end of the stream.
    pub(super) fn read(&mut self, process: usize, now: Instant, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        for (index, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 || bytes.is_empty() {
                self.end_line(process, now);
            }
            let kept = part.len().min(LINE + 1 - self.line.len());
            self.line.extend_from_slice(&part[..kept]);
        }
    }

    fn end_line(&mut self, process: usize, now: Instant) {
        if !self.line.is_empty()
            && let Some(lines) = self.limit.admit(now, LINES_PER_SECOND, SECOND)
        {
            let ellipsis = if self.line.len() > LINE { " …" } else { "" };
            self.line.truncate(LINE);
            let line = one_line(&self.line) + ellipsis;
            let lines_skipped = (lines > 1).then(|| lines - 1);
            debug!(process, %line, lines_skipped, "stderr");
        }
        self.line.clear();
    }

    /// Returns the end of the stream as one line.
    pub(super) fn tail(&self) -> String {
        one_line(self.tail.trim_ascii())
    }
}

/// Returns untrusted bytes as one line of text without control characters.
pub(super) fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.replace('\n', " | ").replace(char::is_control, " ")
}

/// Returns the start of a command's output in quotes, for a message.
pub(super) fn quoted(output: &[u8]) -> String {
    let output = output.trim_ascii();
    let start = one_line(&output[..output.len().min(QUOTED)]);
    match output.len() {
        0 => "nothing".to_owned(),
        1..=QUOTED => format!("\"{start}\""),
        _ => format!("\"{start}…\""),
    }
}

/// Admits a number of events per interval and counts the others.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    interval_start: Option<Instant>,
    /// The number of events since then.
    events: u64,
}

impl RateLimit {
    /// Counts an event. Returns `None` if it exceeds `limit` events per `interval`, otherwise one
    /// plus the number of events over the limit since the previous admitted event.
    pub(super) fn admit(&mut self, now: Instant, limit: u64, interval: Duration) -> Option<u64> {
        let mut suppressed = 0;
        if self
            .interval_start
            .is_none_or(|start| now.saturating_duration_since(start) >= interval)
        {
            suppressed = self.events.saturating_sub(limit);
            self.interval_start = Some(now);
            self.events = 0;
        }
        self.events += 1;
        (self.events <= limit).then_some(suppressed + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the tail after these chunks, and the rest of an unfinished line.
    #[track_caller]
    fn check(chunks: &[&[u8]], tail: &str, unfinished: &str) {
        let now = Instant::now();
        let mut log = StderrLog::default();
        for chunk in chunks {
            log.read(0, now, chunk);
        }
        assert_eq!(log.tail(), tail);
        assert_eq!(log.line, unfinished.as_bytes());
    }

    #[test]
    fn end_is_kept_as_one_line_without_control_characters() {
        check(&[], "", "");
        check(&[b"no device\n"], "no device", "");
        check(&[b"no ", b"device\r\nbye"], "no device  | bye", "bye");
        check(&[b"no ", b"device\nbye", b""], "no device | bye", "");
        check(&[b"\x1b[31mred\xff\n"], " [31mred\u{fffd}", "");
    }

    #[test]
    fn kept_bytes_are_bounded() {
        let now = Instant::now();
        let mut log = StderrLog::default();
        for _ in 0..1000 {
            log.read(0, now, &[b'x'; 4096]);
        }
        // One byte more than is logged, as a sign of the rest.
        assert_eq!((log.line.len(), log.tail.len()), (LINE + 1, TAIL));
        log.read(0, now, b"\nlast");
        assert!(log.tail().ends_with("xx | last"));
        assert_eq!(log.line, b"last");
    }

    #[test]
    fn twenty_lines_are_logged_per_second() {
        let now = Instant::now();
        let mut log = StderrLog::default();
        let mut logged = |at| {
            (0..100)
                .filter(|_| log.limit.admit(at, LINES_PER_SECOND, SECOND).is_some())
                .count()
        };
        assert_eq!(logged(now), 20);
        assert_eq!(logged(now + Duration::from_millis(999)), 0);
        assert_eq!(logged(now + Duration::from_secs(1)), 20);
    }

    #[test]
    fn only_the_start_of_the_output_is_quoted() {
        #[track_caller]
        fn check(bytes: &[u8], text: &str) {
            assert_eq!(quoted(bytes), text);
        }
        check(b" \n", "nothing");
        check(b"found\nit\n", "\"found | it\"");
        check(&[b'x'; 60], &format!("\"{}\"", "x".repeat(60)));
        check(&[b'x'; 61], &format!("\"{}…\"", "x".repeat(60)));
    }
}
