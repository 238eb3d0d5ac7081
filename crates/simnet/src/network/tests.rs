//! Tests of the network on virtual time: laws of any run, and stories of single events.

mod evm;
mod laws;
mod stories;
