//! The proof of work from outside: against recorded headers, the `blake2` crate and brute force.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod allocation;
mod hash;
