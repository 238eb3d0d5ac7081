//! Load for Kadena Stratum servers, and devices that mine on them.
//!
//! [`device`] emulates mining devices with the quirks of their firmwares. The load generator holds thousands of
//! sessions at once and measures what the server makes of them. Both are clients of whatever listens at an address;
//! nothing here knows a node or the mining client.

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
pub mod process;
pub mod serve;
pub mod synthetic;
