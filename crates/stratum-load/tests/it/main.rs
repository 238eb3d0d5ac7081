//! Devices and fleets over real sockets.
#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod devices;
mod fleets;
mod program;
mod scripted;
