#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| changed_blocks_xapi::fuzzing::expression(data));
