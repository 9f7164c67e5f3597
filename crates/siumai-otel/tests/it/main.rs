//! What is exported, seen by an exporter in memory and by a collector on loopback.
mod collector;
mod fixtures;
mod listed;
mod names;
mod runs;
