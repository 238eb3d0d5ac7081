//! The command line and the environment.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chainweb_mining_client::fuzzing::flags(bytes));
