//! A history whose file is damaged.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| miner::history::fuzzing::file(bytes));
