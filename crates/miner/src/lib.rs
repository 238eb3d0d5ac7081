//! Miner.
