//! Tests of the network on virtual time: laws of any run, and stories of single events.

mod evm;
mod forks;
mod laws;
mod stories;
