//! The simulated node over real sockets: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod evm;
mod faults;
mod headers;
mod info;
mod lifecycle;
mod mining;
mod nodes;
mod statuses;
mod streams;
mod wire;
