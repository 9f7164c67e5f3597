//! The program `siumai`: an agent for the terminal.
mod approve;
mod args;
mod clock;
mod environment;
mod failure;
mod model;
mod render;
mod run;
mod stop;
mod tools;

fn main() {}
