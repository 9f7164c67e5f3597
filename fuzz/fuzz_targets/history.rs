//! Histories that were stored as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| siumai_fuzz::history(data));
