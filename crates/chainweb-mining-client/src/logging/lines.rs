//! Lines on their way to standard error, whose reader may have stopped: a terminal that is held, a log shipper that hangs.
//!
//! A thread of its own writes them, so that only it waits for the reader. The queue is bounded; what finds no place is
//! lost, and how much that was is told as soon as somebody reads again. The thread is left alone when the program ends.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Some seconds of the most talkative level.
const QUEUED: usize = 4096;

static LINES: OnceLock<Lines> = OnceLock::new();

/// Where lines are put; a copy puts them into the same queue.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Begins to write lines to `out`.
    fn begin(out: impl Write + Send + 'static) -> io::Result<Self> {
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

    /// Those of the program's standard error.
    pub(super) fn of_stderr() -> io::Result<Self> {
        if let Some(lines) = LINES.get() {
            return Ok(lines.clone());
        }
        let lines = Self::begin(io::stderr())?;
        Ok(LINES.get_or_init(|| lines).clone())
    }

    /// Waits until all is written, but no longer than `limit`.
    fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            written.recv_timeout(limit).ok();
        }
    }
}

/// Waits until the log is written, but no longer than `limit`.
pub fn flush(limit: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(limit);
    }
}

impl Write for Lines {
    /// Takes a whole line, or counts it as lost.
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

/// A log that cannot be written is no reason to do anything else.
fn write_all(mut out: impl Write, messages: &Receiver<Message>, lost: &AtomicU64) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Line(line) => {
                out.write_all(&line).ok();
                let lost = lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    writeln!(out, "{lost} lines of the log are lost: nobody read them").ok();
                }
            }
            // Whoever asked may not wait any more.
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

    /// Far beyond what anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// Waits for leave before each write.
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
    fn a_reader_that_has_stopped_holds_nobody_up_and_is_told_what_it_missed() {
        let (go_on, leave) = channel();
        let (written, said) = channel();
        let mut lines = Lines::begin(Held { leave, written }).expect("a thread");
        let sent = QUEUED + 10;
        for _ in 0..sent {
            assert_eq!(lines.write(b"line\n").expect("it is taken or lost"), 5);
        }
        lines.flush(Duration::from_millis(1));
        drop(go_on);
        let mut text = String::new();
        while !text.ends_with("nobody read them\n") {
            text += &said.recv_timeout(PATIENCE).expect("more is written");
        }
        let told = text.lines().find_map(|line| line.split_once(" lines"));
        let lost: usize = told.expect("it is told").0.parse().expect("a number");
        // One line may have been on its way, besides those that wait.
        assert!((9..=10).contains(&lost), "{lost}");
        lines.flush(PATIENCE);
        text.extend(said.try_iter());
        assert_eq!(text.matches("line\n").count() + lost, sent);
    }
}
