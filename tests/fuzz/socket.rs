//! A dialogue on a socket, whatever it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longhaul::api::fuzzing::socket(data));
