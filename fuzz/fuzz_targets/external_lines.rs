//! Lines of external programs, and their standard error.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| miner::worker::external::fuzzing::lines(bytes));
