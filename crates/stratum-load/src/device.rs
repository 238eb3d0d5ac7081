//! Emulated mining devices: strict clients that behave like the firmwares and report a server's
//! errors.
//!
//! A device parses the protocol with code of its own, `line`, and shares none with the server, so
//! that a misreading of the protocol cannot cancel out. `client` is a state machine without a
//! socket, `hashing` a thread that hashes at the pace of a scaled-down device, and `emulator`
//! connects both to a server. A firmware's own numbers, such as 2^48 nonces and a ticket mask of
//! 2^40, are divided by one power of two, so that they take effect at the difficulty of a test.

mod client;
mod config;
mod duplicates;
mod emulator;
mod firmware;
mod group;
mod hashing;
mod line;
mod report;
mod rules;

pub use config::{DeviceConfig, DeviceLimits, Login};
pub use duplicates::DuplicateWork;
pub use emulator::run;
pub use firmware::{Firmware, FirmwareName, Segments};
pub use group::{DevicesReport, run_until};
pub use report::{DeviceReport, Fault};
pub use rules::Rule;
