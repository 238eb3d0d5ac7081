//! Transcripts of conversations with a node: the request's bytes in, canned bytes out.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain_lookups;
mod endpoint;
mod info;
mod scripted;
mod solved;
mod tls;
mod transport;
mod updates;
mod work;
