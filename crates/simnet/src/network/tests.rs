//! Tests of the network on virtual time: laws of any run, and stories of single events.

mod laws;
mod stories;
