//! Writes log lines to standard error from a thread: a reader that stops blocks only that thread.
//!
//! The queue is bounded. Lines that do not fit are lost and counted, and the count is written when
//! the reader continues. The program does not wait for the thread at its end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::screen::{Area, Screen};
use super::{Color, LogFormat};

/// The size of the queue: some seconds of the level `debug`.
const QUEUED: usize = 4096;

static LINES: OnceLock<Lines> = OnceLock::new();

/// The sending end of the queue. A clone sends to the same queue.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// The area below the lines has other rows.
    Show(Area),
    /// Something else has written to the terminal.
    Forget,
    /// Answered when all messages before it are written.
    Flush(SyncSender<()>),
    /// Erases the area, and is answered then.
    Close(SyncSender<()>),
}

impl Lines {
    /// Starts a thread that writes to `out`.
    fn start(
        out: impl Write + Send + 'static,
        format: LogFormat,
        color: Color,
    ) -> io::Result<Self> {
        let screen = Screen::new(out, color == Color::On);
        let (queue, messages) = sync_channel(QUEUED);
        let lost = Arc::new(AtomicU64::new(0));
        let lines = Self {
            queue,
            lost: Arc::clone(&lost),
        };
        let write = move || write_all(screen, format, &messages, &lost);
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(lines)
    }

    /// Returns the lines of standard error.
    pub(super) fn of_stderr(format: LogFormat, color: Color) -> io::Result<Self> {
        if let Some(lines) = LINES.get() {
            return Ok(lines.clone());
        }
        let lines = Self::start(io::stderr(), format, color)?;
        Ok(LINES.get_or_init(|| lines).clone())
    }

    /// Waits until a message and all before it are handled, at most `limit`.
    fn wait(&self, limit: Duration, message: fn(SyncSender<()>) -> Message) {
        let end = Instant::now() + limit;
        let (done, written) = sync_channel(1);
        let mut message = message(done);
        while let Err(TrySendError::Full(unsent)) = self.queue.try_send(message) {
            if Instant::now() >= end {
                return;
            }
            message = unsent;
            // No answer comes yet: this is the pause before the next attempt.
            written.recv_timeout(Duration::from_millis(1)).ok();
        }
        let left = end.saturating_duration_since(Instant::now());
        written.recv_timeout(left).ok();
    }
}

/// Waits until the log is written, at most `limit`.
pub fn flush(limit: Duration) {
    if let Some(lines) = LINES.get() {
        lines.wait(limit, Message::Flush);
    }
}

/// Erases the area below the log, within `limit`.
pub(crate) fn close(limit: Duration) {
    if let Some(lines) = LINES.get() {
        lines.wait(limit, Message::Close);
    }
}

/// Shows an area below the log, unless the log is behind.
pub(crate) fn show(area: Area) {
    send(Message::Show(area));
}

/// Ends the area without a change of the terminal, to which something else has written.
pub(crate) fn forget() {
    send(Message::Forget);
}

/// Writes lines that are no part of the log above the area, unless the log is behind.
pub(crate) fn print(lines: &str) {
    send(Message::Line(format!("{lines}\n").into()));
}

fn send(message: Message) {
    if let Some(lines) = LINES.get() {
        lines.queue.try_send(message).ok();
    }
}

impl Write for Lines {
    /// Queues a whole line, or counts it as lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Line(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Handles the messages. The area is drawn when no message waits.
fn write_all(
    mut screen: Screen<impl Write>,
    format: LogFormat,
    messages: &Receiver<Message>,
    lost: &AtomicU64,
) {
    while let Ok(message) = messages.try_recv().or_else(|_| {
        screen.draw();
        messages.recv()
    }) {
        match message {
            Message::Line(line) => {
                screen.print(&line);
                let count = lost.swap(0, Ordering::Relaxed);
                if count > 0 {
                    let message = format!("{count} log lines lost: the reader was too slow");
                    let fields =
                        json!({"event": "log_lines_lost", "count": count, "message": message});
                    let line = match format {
                        LogFormat::Plain => message,
                        LogFormat::Json => json!({"level": "WARN", "fields": fields}).to_string(),
                    };
                    screen.print(format!("{line}\n").as_bytes());
                }
            }
            Message::Show(area) => screen.show(area),
            Message::Forget => screen.forget(),
            // The receiver may have given up.
            Message::Flush(done) => drop(done.try_send(())),
            Message::Close(done) => {
                screen.close();
                done.try_send(()).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{Lines, Message, QUEUED};
    use crate::logging::{Color, LogFormat};

    /// Far longer than anything here.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// Waits for permission before each write.
    struct Held {
        leave: Receiver<()>,
        written: Sender<String>,
    }

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.leave.recv().ok();
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.written.send(text).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes more lines than fit while the reader is stopped. Returns the text for the reader, and
    /// the number of lines sent.
    fn write_too_many(format: LogFormat) -> (String, usize) {
        let (go_on, leave) = channel();
        let (written, lines_written) = channel();
        let mut lines =
            Lines::start(Held { leave, written }, format, Color::Off).expect("a thread");
        let sent = QUEUED + 10;
        for _ in 0..sent {
            assert_eq!(lines.write(b"line\n").expect("it is taken or lost"), 5);
        }
        lines.wait(Duration::from_millis(1), Message::Flush);
        drop(go_on);
        // The queue is full at first.
        lines.wait(PATIENCE, Message::Flush);
        (lines_written.try_iter().collect(), sent)
    }

    #[test]
    fn a_stopped_reader_blocks_nothing_and_learns_how_many_lines_are_lost() {
        let (text, sent) = write_too_many(LogFormat::Plain);
        let count = text
            .lines()
            .find_map(|line| line.strip_suffix(" log lines lost: the reader was too slow"));
        let count = count.expect("the count is written");
        let lost: usize = count.parse().expect("a number");
        // One line may have been on its way, besides those that wait.
        assert!((9..=10).contains(&lost), "{lost}");
        assert_eq!(text.matches("line\n").count() + lost, sent);
    }

    #[test]
    fn the_count_of_lost_lines_is_an_object_in_json() {
        let (text, _) = write_too_many(LogFormat::Json);
        let notice = text.lines().find(|line| line.contains("lost"));
        let notice: Value =
            serde_json::from_str(notice.expect("the count is written")).expect("an object");
        let count = notice["fields"]["count"].as_u64().expect("a number");
        let message = format!("{count} log lines lost: the reader was too slow");
        let fields = json!({"event": "log_lines_lost", "count": count, "message": message});
        assert_eq!(notice, json!({"level": "WARN", "fields": fields}));
    }
}
