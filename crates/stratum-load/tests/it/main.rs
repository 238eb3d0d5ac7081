//! Devices and fleets over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the set-up is a failure of the test"
)]

mod devices;
mod fleets;
mod program;
mod scripted;
