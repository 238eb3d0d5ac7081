//! Connections to the on-demand server.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chainweb_mining_client::fuzzing::requests(bytes));
