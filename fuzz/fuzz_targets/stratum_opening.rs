//! The first bytes of a Stratum connection: a PROXY protocol header, TLS, HTTP or lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stratum::fuzzing::opening(bytes));
