//! What a delta, a step and a copy of a history cost, in memory that is asked for. It stands apart
//! from the other tests since its allocator counts for the whole process: so it is one test, and
//! each part of it has the process to itself.
#[cfg(test)]
mod costs;
#[cfg(test)]
mod wires;
