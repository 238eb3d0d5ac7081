//! Writes the shares of mining devices to a file, for the accounts of a pool.
//!
//! A thread of its own writes, so no share waits for the disk. While the disk fails, lines wait in
//! the queue of the Stratum server, which drops those beyond its bound; no line is written twice or
//! in part. The formats are in `lines.rs`.

mod lines;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use miner::history::wall_clock;
use stratum::{LoggedShare, ShareLog, ShareLogState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{info, warn};

pub use self::lines::ShareLogFormat;
use self::lines::Texts;
use crate::platform::file_identity;

/// The size at which a file is renamed and a new one begun.
const ROTATE: u64 = 256 * 1024 * 1024;

/// The time in which shares are collected for one write, and the pause after an error.
const COLLECT: Duration = Duration::from_millis(100);

/// Bytes written at once.
const CHUNK: usize = 64 * 1024;

/// How long the start and the end of the program wait for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// A log that is being written.
#[derive(Debug)]
pub struct Writing(oneshot::Receiver<()>);

/// Opens the log, and starts the thread that writes.
///
/// # Errors
/// Returns an error if the file cannot be opened. A disk that does not answer or is full is none.
pub(crate) async fn open(
    path: PathBuf,
    format: ShareLogFormat,
) -> anyhow::Result<(ShareLog, Writing)> {
    let (log, shares, state) = ShareLog::new(format.logged());
    let (opened, answer) = oneshot::channel();
    let (ended, writing) = oneshot::channel();
    let shown = path.display().to_string();
    let mut writer = Writer::new(path, format, shares, Arc::clone(&state));
    let run = move || {
        let first = match writer.open() {
            Err(error) if is_full(&error) => {
                writer.failed(&error);
                Ok(())
            }
            opened => opened.map(|_| ()),
        };
        let is_open = first.is_ok();
        // The receiver may have stopped waiting: then the log begins when the disk answers.
        if opened.send(first).is_err() || is_open {
            writer.run();
        }
        drop(ended);
    };
    thread::Builder::new()
        .name("share-log".to_owned())
        .spawn(run)?;
    match timeout(PATIENCE, answer).await {
        Ok(opened) => opened.unwrap_or(Ok(())),
        Err(_) => {
            if state.start_failing() {
                warn!(
                    event = "share_log_failed",
                    path = shown,
                    "share log: the disk does not answer yet"
                );
            }
            Ok(())
        }
    }
    .with_context(|| format!("cannot write --share-log {shown}"))?;
    Ok((log, Writing(writing)))
}

impl Writing {
    /// Waits until all lines are written, but not for a disk that hangs. All ends of the queue
    /// where shares enter have to be gone.
    pub async fn finish(self) {
        if timeout(PATIENCE, self.0).await.is_err() {
            warn!(
                event = "share_log_incomplete",
                "share log: the last lines are lost, as the disk does not answer"
            );
        }
    }
}

struct Writer {
    path: PathBuf,
    /// The file with what identifies it.
    file: Option<(File, Option<(u64, u64)>)>,
    format: ShareLogFormat,
    texts: Texts,
    /// Whole lines, of which the first `written` bytes are in the file.
    pending: Vec<u8>,
    written: usize,
    shares: mpsc::Receiver<LoggedShare>,
    state: Arc<ShareLogState>,
    failing_since: Option<Instant>,
    can_rotate: bool,
}

impl Writer {
    fn new(
        path: PathBuf,
        format: ShareLogFormat,
        shares: mpsc::Receiver<LoggedShare>,
        state: Arc<ShareLogState>,
    ) -> Self {
        Self {
            path,
            file: None,
            format,
            texts: Texts::default(),
            pending: Vec::new(),
            written: 0,
            shares,
            state,
            failing_since: None,
            can_rotate: true,
        }
    }

    /// Writes until no more shares can come.
    fn run(&mut self) {
        while let Some(share) = self.shares.blocking_recv() {
            self.add(&share);
            thread::park_timeout(COLLECT);
            self.drain();
        }
    }

    fn add(&mut self, share: &LoggedShare) {
        let received = wall_clock_at(share.record.received);
        self.format
            .write(share, received, &mut self.texts, &mut self.pending);
    }

    /// Writes all shares that wait.
    fn drain(&mut self) {
        loop {
            while self.pending.len() < CHUNK
                && let Ok(share) = self.shares.try_recv()
            {
                self.add(&share);
            }
            let is_last = self.pending.len() < CHUNK;
            match self.write() {
                Ok(()) if is_last && self.pending.is_empty() => return self.recovered(),
                Ok(()) => {}
                Err(error) => {
                    self.failed(&error);
                    if self.shares.is_closed() {
                        return self.give_up();
                    }
                    thread::park_timeout(COLLECT);
                }
            }
        }
    }

    /// Writes what is pending, up to the line that fills the file.
    fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let length = self.open()?;
        let room = match usize::try_from(ROTATE.saturating_sub(length)) {
            Ok(room) if self.can_rotate => room,
            _ => usize::MAX,
        };
        let last = self.written.saturating_add(room).saturating_sub(1);
        let rest = self.pending.get(last..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let is_full = end.is_some();
        let end = end.map_or(self.pending.len(), |end| last + end + 1);
        let (file, _) = self.file.as_mut().expect("it is open");
        while self.written < end {
            match file.write(&self.pending[self.written..end]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(more) => self.written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.pending.drain(..end);
        self.written = 0;
        if is_full {
            self.rotate();
        }
        Ok(())
    }

    /// Returns the length of the file. Opens it if another file has its place, as after `logrotate`
    /// renamed it.
    fn open(&mut self) -> io::Result<u64> {
        let there = fs::metadata(&self.path).ok();
        let there = there.as_ref().and_then(file_identity);
        let file = match self.file.take() {
            Some((file, identity)) if there.is_some() && there == identity => file,
            _ => {
                // A line that is in part in the other file is repeated here.
                let written = &self.pending[..self.written];
                let start = written.iter().rposition(|byte| *byte == b'\n');
                self.written = start.map_or(0, |end| end + 1);
                self.can_rotate = true;
                open_file(&self.path)?
            }
        };
        let metadata = file.metadata()?;
        self.file = Some((file, file_identity(&metadata)));
        Ok(metadata.len())
    }

    /// Renames the file; the next line begins a new one.
    fn rotate(&mut self) {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        match fs::rename(&self.path, old) {
            Ok(()) => {
                info!(
                    event = "share_log_rotated",
                    path = %self.path.display(),
                    "share log is full: it was renamed, and a new one begins"
                );
            }
            Err(error) => {
                self.can_rotate = false;
                warn!(
                    event = "share_log_not_rotated",
                    path = %self.path.display(),
                    %error,
                    "cannot rename the share log: it grows further"
                );
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.failing_since.get_or_insert_with(Instant::now);
        if self.state.start_failing() {
            warn!(
                event = "share_log_failed",
                path = %self.path.display(),
                %error,
                "cannot write the share log: mining goes on, and lines are written later or lost"
            );
        }
    }

    fn recovered(&mut self) {
        let failing_since = self.failing_since.take();
        if let Some(lost) = self.state.recover() {
            let after_seconds = failing_since.map(|since| since.elapsed().as_secs_f64());
            info!(
                event = "share_log_recovered",
                path = %self.path.display(),
                after_seconds,
                lost,
                "share log is written again"
            );
        }
    }

    /// Counts what cannot be written before the end.
    fn give_up(&mut self) {
        let pending = self.pending[self.written..].split(|byte| *byte == b'\n');
        let mut lost = pending.skip(1).count() as u64;
        while let Ok(share) = self.shares.try_recv() {
            lost += 1 + u64::from(share.record.is_block);
        }
        self.state.lose(lost);
        let lost = self.state.recover();
        warn!(
            event = "share_log_incomplete",
            path = %self.path.display(),
            lost,
            "share log: the last lines are lost"
        );
    }
}

/// Opens a file to append whole lines.
fn open_file(path: &Path) -> io::Result<File> {
    let wrong = match fs::metadata(path) {
        Ok(there) if there.is_dir() => Some("is a directory; expected a file"),
        // Opening a FIFO would wait for a reader.
        Ok(there) if !there.is_file() => Some("is a device, a pipe or a socket; expected a file"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(io::Error::other(wrong));
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    if ends_within_line(path) {
        // Of a program that was killed.
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Whether there may be room later.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// Whether a file has a last line without its end.
fn ends_within_line(path: &Path) -> bool {
    let mut last = [b'\n'];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-1))?;
        file.read(&mut last)
    });
    read.is_ok() && last != [b'\n']
}

/// Returns the time by the clock of this machine at an instant.
fn wall_clock_at(instant: Instant) -> SystemTime {
    let now = wall_clock();
    now.checked_sub(instant.elapsed()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
