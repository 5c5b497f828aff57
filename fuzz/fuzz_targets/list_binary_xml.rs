#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;
#[path = "../../tests/naive/mod.rs"]
mod naive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::list_binary_xml(data));
