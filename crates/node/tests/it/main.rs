//! Transcripts with a scripted node: the bytes of each request and of its response.
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
