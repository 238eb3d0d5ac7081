//! What the program asks of the operating system outside mining: signals, the name of the machine,
//! files and limits. The engine has a module of its own.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use self::unix::{HangUps, Signals};
#[cfg(unix)]
pub(crate) use self::unix::{
    file_identity, host_name, is_ignored, most_files, page_size, takes_escape_codes,
};
#[cfg(windows)]
pub use self::windows::{HangUps, Signals};
#[cfg(windows)]
pub(crate) use self::windows::{
    file_identity, host_name, most_files, page_size, takes_escape_codes,
};
