//! Stand-ins for models and tools, for tests that need no network and no key.
mod resolver;
mod scripted;

pub use self::{
    resolver::RecordingResolver,
    scripted::{Reply, ScriptedModel},
};
