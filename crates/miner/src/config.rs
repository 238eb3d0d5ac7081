//! The settings of the client where they do not come from flags.

pub mod key;
