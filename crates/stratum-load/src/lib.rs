//! A load generator and emulated mining devices for Kadena Stratum servers.
//!
//! [`device`] emulates mining devices with the quirks of their firmwares. [`fleet`] holds thousands
//! of sessions and measures the server. Both work with any server, by its address, and know neither
//! nodes nor the mining client.

pub mod bench;
pub mod child;
pub mod cli;
pub mod clock;
pub mod device;
pub mod distribution;
pub mod fleet;
pub mod floor;
pub mod load;
pub mod machine;
mod nonce;
mod process;
pub mod serve;
pub mod synthetic;
