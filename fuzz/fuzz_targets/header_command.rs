//! The input of the `header` command.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chainweb_mining_client::fuzzing::header(bytes));
