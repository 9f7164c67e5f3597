//! The program as its users run it: command line, pipes, signals and a terminal.
#[cfg(test)]
mod approval;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod kill_sweep;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod models;
#[cfg(test)]
mod output;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod support;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod usage;
