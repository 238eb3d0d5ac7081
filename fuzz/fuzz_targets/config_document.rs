//! Documents of settings: YAML, JSON and TOML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chainweb_mining_client::fuzzing::document(bytes));
