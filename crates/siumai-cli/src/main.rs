//! The program `siumai`: an agent for the terminal.
mod clock;
mod tools;

fn main() {}
