//! Work, headers and block headers of any degree.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chainweb::fuzzing::work(bytes));
