//! The simulated node over real sockets: bytes in, bytes out.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the set-up is a failure of the test"
)]

mod faults;
mod headers;
mod info;
mod lifecycle;
mod mining;
mod statuses;
mod streams;
mod wire;
