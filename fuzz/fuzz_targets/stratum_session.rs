//! Sessions under any sequence of lines, work and times, with the model of the crate's tests.

#![no_main]
#![allow(dead_code, unused_imports, reason = "the tests use more of these modules")]

#[path = "../../crates/stratum/tests/it/fixture.rs"]
mod fixture;
#[path = "../../crates/stratum/tests/it/model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::Model::run(bytes));
