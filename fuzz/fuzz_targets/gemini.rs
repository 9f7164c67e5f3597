//! Answers of Gemini: streams, whole replies and refusals.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| siumai_fuzz::reply(siumai_fuzz::Wire::Gemini, data));
