//! Interfaces on real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod interface;
