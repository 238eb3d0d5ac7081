//! The client as a whole: on the simulated network, and as the program that a user starts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod cli;
mod stories;
