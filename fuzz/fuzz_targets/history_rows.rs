//! A history whose rows have any content.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| miner::history::fuzzing::rows(bytes));
