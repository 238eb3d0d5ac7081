//! What a command says on standard error: lines for the log, and the last of them for whoever has to report a failure.
//!
//! Both are bounded, in length and in lines a second, however much the command writes.

use std::time::{Duration, Instant};

use tracing::debug;

/// The longest line that is told whole.
const LINE: usize = 400;
/// The most lines that are told in a second.
const LINES_A_SECOND: u32 = 20;
/// How much of the end is kept.
const TAIL: usize = 600;

/// The words of one process.
#[derive(Debug)]
pub(super) struct ErrorLog {
    process: usize,
    line: Vec<u8>,
    /// More of this line came than fits.
    cut: bool,
    tail: Vec<u8>,
    second: Option<Instant>,
    told: u32,
}

impl ErrorLog {
    pub(super) fn new(process: usize) -> Self {
        Self {
            process,
            line: Vec::new(),
            cut: false,
            tail: Vec::new(),
            second: None,
            told: 0,
        }
    }

    /// Takes what came at `now`; nothing is the end.
    pub(super) fn take(&mut self, now: Instant, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(TAIL)..];
        self.tail.extend_from_slice(kept);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = LINE - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            self.cut |= part.len() > room;
            if parts.peek().is_some() || bytes.is_empty() {
                self.end_line(now);
            }
        }
    }

    fn end_line(&mut self, now: Instant) {
        if !self.line.is_empty() && self.may_tell(now) {
            let cut = if self.cut { " …" } else { "" };
            debug!(process = self.process, line = %format_args!("{}{cut}", plain(&self.line)), "stderr");
        }
        self.line.clear();
        self.cut = false;
    }

    fn may_tell(&mut self, now: Instant) -> bool {
        let second = *self.second.get_or_insert(now);
        if now.saturating_duration_since(second) >= Duration::from_secs(1) {
            let untold = self.told.saturating_sub(LINES_A_SECOND);
            if untold > 0 {
                debug!(process = self.process, lines = untold, "stderr: more lines");
            }
            (self.second, self.told) = (Some(now), 0);
        }
        self.told = self.told.saturating_add(1);
        self.told <= LINES_A_SECOND
    }

    /// The end of it all as one line.
    pub(super) fn tail(&self) -> String {
        plain(self.tail.trim_ascii())
    }
}

/// Bytes of a stranger as one line of text.
pub(super) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.replace('\n', " | ").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tail after these chunks, and what is left of an unfinished line.
    #[track_caller]
    fn check(chunks: &[&[u8]], tail: &str, unfinished: &str) {
        let now = Instant::now();
        let mut log = ErrorLog::new(0);
        for chunk in chunks {
            log.take(now, chunk);
        }
        assert_eq!(log.tail(), tail);
        assert_eq!(log.line, unfinished.as_bytes());
    }

    #[test]
    fn the_end_is_kept_as_one_line_without_control_characters() {
        check(&[], "", "");
        check(&[b"no device\n"], "no device", "");
        check(&[b"no ", b"device\r\nbye"], "no device  | bye", "bye");
        check(&[b"no ", b"device\nbye", b""], "no device | bye", "");
        check(&[b"\x1b[31mred\xff\n"], " [31mred\u{fffd}", "");
    }

    #[test]
    fn what_is_kept_is_bounded_however_much_comes() {
        let now = Instant::now();
        let mut log = ErrorLog::new(0);
        for _ in 0..1000 {
            log.take(now, &[b'x'; 4096]);
        }
        assert_eq!(
            (log.line.len(), log.tail.len(), log.cut),
            (LINE, TAIL, true)
        );
        log.take(now, b"\nlast");
        assert!(log.tail().ends_with("xx | last"));
        assert_eq!((log.line.as_slice(), log.cut), (b"last".as_slice(), false));
    }

    #[test]
    fn so_many_lines_are_told_in_a_second_and_again_in_the_next() {
        let now = Instant::now();
        let mut log = ErrorLog::new(0);
        let mut told = |at| (0..100).filter(|_| log.may_tell(at)).count();
        assert_eq!(told(now), 20);
        assert_eq!(told(now + Duration::from_millis(999)), 0);
        assert_eq!(told(now + Duration::from_secs(1)), 20);
    }
}
