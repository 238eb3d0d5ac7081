//! Linux and macOS. Where `/proc` is missing, no signal counts as ignored.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::process::{Resource, getrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop the program: SIGINT, SIGTERM and SIGHUP.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: HangUps,
}

/// The signal SIGHUP; `None` if the process ignores it, as under `nohup`.
#[derive(Debug)]
pub struct HangUps(Option<Signal>);

impl Signals {
    /// Installs handlers for the signals.
    ///
    /// # Errors
    /// Returns an error if the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: HangUps(if is_ignored(SignalKind::hangup().as_raw_value()) {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            }),
        })
    }

    /// Removes SIGHUP from the signals that stop the program, and returns it. With a controlling
    /// terminal, whose end the signal reports, it stays, and the result has none.
    pub fn take_hang_ups(&mut self) -> HangUps {
        let has_terminal = File::open("/dev/tty").is_ok();
        HangUps(self.hang_up.0.take_if(|_| !has_terminal))
    }

    /// Waits for the next signal, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            () = self.hang_up.next() => "SIGHUP",
        }
    }
}

impl HangUps {
    /// Waits for the next signal, for ever if there is none. Cancel safe.
    pub async fn next(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Whether the process ignores a signal, by the mask `SigIgn` in `/proc/self/status`: hex digits
/// whose lowest bit is signal 1.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Returns the name of this machine, or `None` if it is no text.
pub(crate) fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    name.nodename().to_str().ok().map(str::to_owned)
}

/// Returns the device and inode of a file, by which a renamed file is recognised.
#[expect(clippy::unnecessary_wraps, reason = "Windows has no such numbers")]
pub(crate) fn file_identity(metadata: &Metadata) -> Option<(u64, u64)> {
    Some((metadata.dev(), metadata.ino()))
}

/// Returns the highest number of open file descriptors, if there is a limit.
pub(crate) fn most_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Returns the size of a page of memory in bytes.
pub(crate) fn page_size() -> Option<u64> {
    u64::try_from(rustix::param::page_size()).ok()
}

/// Whether terminals take escape codes.
pub(crate) fn takes_escape_codes() -> bool {
    true
}
