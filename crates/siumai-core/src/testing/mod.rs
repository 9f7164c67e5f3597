//! Stand-ins for models and tools, for tests that need no network and no key, and suites that
//! implementations of a contract can be put through.
mod interrupted;
mod journal;
mod resolver;
mod scripted;

pub use self::{
    journal::{BrokenRule, journal_conformance},
    resolver::RecordingResolver,
    scripted::{Reply, ScriptedModel},
};
