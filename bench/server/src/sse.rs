//! What all event streams have in common.
use std::fmt::Write;

use harness::script;
use serde_json::Value;

/// How much of a call's arguments comes at a time.
const PIECE: usize = 6;

/// The pieces that the arguments of a call are streamed in.
pub fn pieces(number: usize) -> Vec<String> {
    let arguments = script::arguments(number);
    let pieces = arguments.as_bytes().chunks(PIECE);
    // Arguments are ASCII.
    pieces.map(|it| String::from_utf8_lossy(it).into_owned()).collect()
}

/// Adds an event without a name.
pub fn unnamed(text: &mut String, data: &Value) {
    // Writing to a string can't fail.
    let _infallible = write!(text, "data: {data}\n\n");
}

/// Adds an event that is named after the `type` of its data.
pub fn named(text: &mut String, data: &Value) {
    let name = data["type"].as_str().unwrap_or_default();
    // Writing to a string can't fail.
    let _infallible = write!(text, "event: {name}\ndata: {data}\n\n");
}
