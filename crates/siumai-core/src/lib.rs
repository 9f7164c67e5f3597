//! The loop of siumai: messages, tools, the model contract and the orchestrator.
//!
//! Most programs use the `siumai` crate, which re-exports all of this and adds
//! providers. This crate has no HTTP, no TLS and spawns nothing.
mod error;
pub mod history;
pub mod journal;
pub mod model;
pub mod orchestrator;
pub mod prices;
mod sync;
pub mod telemetry;
pub mod testing;
pub mod tool;
pub mod types;

pub use async_trait::async_trait;
pub use tokio_util::sync::CancellationToken;

pub use self::error::{ErrorKind, Failure, LlmError};
