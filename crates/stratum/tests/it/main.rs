//! Sessions as transcripts and stories, and the server on real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod bad_input;
mod client;
mod counts;
mod fixture;
mod logins;
mod model;
mod opening;
mod server;
mod shares;
