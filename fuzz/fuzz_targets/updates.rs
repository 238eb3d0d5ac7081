//! Update streams.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node::fuzzing::updates(bytes));
