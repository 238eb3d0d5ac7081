//! The terminal of the process: whether it can be used, its width, and keys without Enter.
//!
//! The mode for keys differs from the usual one in two flags only: input comes at once, and is not
//! echoed. Ctrl-C, Ctrl-Z and Ctrl-\ stay signals, and output is as before.

use std::io::{IsTerminal, stderr, stdin};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use rustix::io::Errno;
use rustix::process::{Pid, getpid};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr,
};

/// The mode of the terminal before it was changed, as long as it is. There is one terminal, and a
/// panic on any thread has to restore it.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The size of a terminal that does not know its own.
const DEFAULT_SIZE: (u16, u16) = (80, 24);

/// Whether input and log are terminals that this process may use and that understand escape codes.
/// The first process of a container never uses them.
pub(super) fn is_usable() -> bool {
    let name = env::var("TERM").unwrap_or_default();
    let understands = !name.is_empty() && name != "dumb";
    let is_first = getpid().is_init();
    understands && !is_first && stdin().is_terminal() && stderr().is_terminal() && is_foreground()
}

/// Whether the process is in the foreground. A process in the background is stopped if it reads
/// from the terminal or changes its mode.
pub(super) fn is_foreground() -> bool {
    let group = ids_of("self").and_then(|ids| ids.group).ok_or(Errno::SRCH);
    group.is_ok() && tcgetpgrp(stdin()) == group && tcgetpgrp(stderr()) == group
}

/// Whether a shell can continue the process after a stop: the process that started its group is in
/// the same session. Otherwise the system ignores Ctrl-Z: the group is orphaned, as POSIX calls it.
pub(super) fn can_be_continued() -> bool {
    let Some(own) = ids_of("self") else {
        return false;
    };
    let mut parent = own.parent;
    while let Some(ids) = parent.and_then(|pid| ids_of(&pid.as_raw_nonzero().to_string())) {
        if ids.group != own.group {
            return ids.session == own.session;
        }
        parent = ids.parent;
    }
    false
}

/// What identifies a process. An ID is `None` if it belongs to another namespace of processes, as
/// that of the group may in a container. rustix returns invalid IDs then.
struct Ids {
    parent: Option<Pid>,
    group: Option<Pid>,
    session: Option<Pid>,
}

/// Returns the IDs of the process with this name below `/proc`; `None` without such a process.
fn ids_of(process: &str) -> Option<Ids> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may contain any character. The state and these IDs follow.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ids = rest.split_whitespace().skip(1).map(str::parse);
    let mut next = || Some(Pid::from_raw(ids.next()?.ok()?));
    Some(Ids {
        parent: next()?,
        group: next()?,
        session: next()?,
    })
}

/// Returns the columns and rows.
pub(super) fn size() -> (u16, u16) {
    match tcgetwinsize(stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => DEFAULT_SIZE,
    }
}

/// Sets the mode for keys. Only in the foreground.
pub(super) fn take_keys() {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let present = tcgetattr(stdin()).ok();
    let Some(mut mode) = before.clone().or(present) else {
        return;
    };
    *before = Some(mode.clone());
    mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    // A read returns what there is, at once.
    mode.special_codes[SpecialCodeIndex::VMIN] = 0;
    mode.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(stdin(), OptionalActions::Now, &mode).ok();
}

/// Whether the mode is that for keys.
pub(super) fn has_keys() -> bool {
    BEFORE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some()
}

/// Restores the mode. In the background another program has the terminal, with a mode of its own.
pub(super) fn give_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before
        && is_foreground()
    {
        tcsetattr(stdin(), OptionalActions::Now, &before).ok();
    }
}
