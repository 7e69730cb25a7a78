//! A document, its variables and the name of its operation before the gate, whatever it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longhaul::api::fuzzing::gate(data));
