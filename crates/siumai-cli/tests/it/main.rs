//! The program as its users run it: command line, pipes, signals and a terminal.
mod approval;
mod ending;
mod errors;
mod models;
mod output;
mod support;
mod usage;
