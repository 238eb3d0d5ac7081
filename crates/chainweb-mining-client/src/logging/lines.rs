//! Writes log lines to standard error from a thread: a reader that stops blocks only that thread.
//!
//! The queue is bounded. Lines that do not fit are lost and counted, and the count is written when
//! the reader continues. The program does not wait for the thread at its end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

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
    /// Answered when all messages before it are written.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Starts a thread that writes to `out`.
    fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUED);
        let lost = Arc::new(AtomicU64::new(0));
        let lines = Self {
            queue,
            lost: Arc::clone(&lost),
        };
        let write = move || write_all(out, &messages, &lost);
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(lines)
    }

    /// Returns the lines of standard error.
    pub(super) fn of_stderr() -> io::Result<Self> {
        if let Some(lines) = LINES.get() {
            return Ok(lines.clone());
        }
        let lines = Self::start(io::stderr())?;
        Ok(LINES.get_or_init(|| lines).clone())
    }

    /// Waits until all lines are written, at most `limit`.
    fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            written.recv_timeout(limit).ok();
        }
    }
}

/// Waits until the log is written, at most `limit`.
pub fn flush(limit: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(limit);
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

/// Writes the messages. Errors are ignored: there is nowhere to report them.
fn write_all(mut out: impl Write, messages: &Receiver<Message>, lost: &AtomicU64) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Line(line) => {
                out.write_all(&line).ok();
                let lost = lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    writeln!(out, "{lost} log lines lost: the reader was too slow").ok();
                }
            }
            // The receiver may have given up.
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::{Lines, QUEUED};

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

    #[test]
    fn a_stopped_reader_blocks_nothing_and_learns_how_many_lines_are_lost() {
        let (go_on, leave) = channel();
        let (written, lines_written) = channel();
        let mut lines = Lines::start(Held { leave, written }).expect("a thread");
        let sent = QUEUED + 10;
        for _ in 0..sent {
            assert_eq!(lines.write(b"line\n").expect("it is taken or lost"), 5);
        }
        lines.flush(Duration::from_millis(1));
        drop(go_on);
        let mut text = String::new();
        while !text.ends_with("the reader was too slow\n") {
            text += &lines_written
                .recv_timeout(PATIENCE)
                .expect("more is written");
        }
        let count = text.lines().find_map(|line| line.split_once(" log lines"));
        let lost: usize = count
            .expect("the count is written")
            .0
            .parse()
            .expect("a number");
        // One line may have been on its way, besides those that wait.
        assert!((9..=10).contains(&lost), "{lost}");
        lines.flush(PATIENCE);
        text.extend(lines_written.try_iter());
        assert_eq!(text.matches("line\n").count() + lost, sent);
    }
}
