//! The examples, run as a reader would run them.
#[cfg(test)]
mod examples;
