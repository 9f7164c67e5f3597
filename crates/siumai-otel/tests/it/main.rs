//! What is exported, seen by an exporter in memory and by a collector on loopback.
#[cfg(test)]
mod collector;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod listed;
#[cfg(test)]
mod names;
#[cfg(test)]
mod runs;
