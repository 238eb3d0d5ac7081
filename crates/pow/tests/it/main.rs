//! Tests of the public API on recorded headers and against the `blake2` crate.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod allocation;
mod hash;
