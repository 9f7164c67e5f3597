//! The wires.
pub mod offline;
