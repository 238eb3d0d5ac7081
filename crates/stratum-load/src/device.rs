//! Emulated mining devices: strict clients that behave as the firmwares do and tell what a server gets wrong.
//!
//! A device speaks the protocol from a reading of its own, `line`, and shares no code with the server, so that one
//! misunderstanding cannot hide in both. `client` is a state machine without a socket, `hashing` a thread that
//! hashes for real at the pace of a scaled-down device, `emulator` the connection between them and a server. What
//! the numbers of a firmware are, 2^48 nonces and a ticket mask of 2^40, is divided by one power of two, so that they
//! bite at the difficulty of a test.

mod client;
mod duplicates;
mod emulator;
mod firmware;
mod hashing;
mod line;
mod report;
mod rules;
mod together;

pub use client::{DeviceLimits, Login};
pub use duplicates::{DuplicateWork, duplicate_work};
pub use emulator::{DeviceConfig, run};
pub use firmware::{
    CleanFlag, Firmware, FirmwareName, FirstLine, LoginOrder, Segments, SubmitForm, SubscribeForm,
    UnknownFirmware,
};
pub use report::{DeviceReport, Fault, Mined, Rejection};
pub use rules::{Rule, Violation};
pub use together::{DevicesReport, run_all};
