//! Pages of hashes and of headers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node::fuzzing::headers(bytes));
