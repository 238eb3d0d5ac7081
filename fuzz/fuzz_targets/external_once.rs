//! The output of external programs that run once.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| miner::worker::external::fuzzing::once(bytes));
