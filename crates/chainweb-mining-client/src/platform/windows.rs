//! Windows, which has no SIGHUP.

use std::fs::Metadata;
use std::{env, io};

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

/// The events that stop the program.
#[derive(Debug)]
pub struct Signals {
    interrupt: CtrlC,
    r#break: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

/// The signal SIGHUP, which does not exist here.
#[derive(Debug)]
pub struct HangUps;

impl Signals {
    /// Installs handlers for the events.
    ///
    /// # Errors
    /// Returns an error if the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            r#break: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Returns a signal that never comes.
    pub fn take_hang_ups(&mut self) -> HangUps {
        HangUps
    }

    /// Waits for the next event, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.r#break.recv() => "Ctrl-Break",
            _ = self.close.recv() => "close",
            _ = self.shutdown.recv() => "shutdown",
        }
    }
}

impl HangUps {
    /// Waits for ever.
    pub async fn next(&mut self) {
        std::future::pending().await
    }
}

/// Returns the name of this machine, or `None` if it is no text.
pub(crate) fn host_name() -> Option<String> {
    env::var("COMPUTERNAME").ok()
}

/// Returns `None`: a renamed file is not recognised, so files are opened again.
pub(crate) fn file_identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Returns `None`: there is no limit.
pub(crate) fn most_files() -> Option<u64> {
    None
}

/// Returns `None`: the system does not show the memory of a process in pages.
pub(crate) fn page_size() -> Option<u64> {
    None
}

/// Whether terminals take escape codes, as they do since Windows 10 once a program asks for it.
pub(crate) fn takes_escape_codes() -> bool {
    crossterm::ansi_support::supports_ansi()
}
