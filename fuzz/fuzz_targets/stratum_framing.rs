//! Stratum lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stratum::fuzzing::lines(bytes));
