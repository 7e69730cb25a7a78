//! The body of a POST, or the parameters of a GET, and what is a request before the gate, whatever it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longhaul::api::fuzzing::body(data));
