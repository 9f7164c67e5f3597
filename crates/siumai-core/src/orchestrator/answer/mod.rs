//! Answers of a shape: values of a type in place of text.
//!
//! [`AnswerSchema`] is what a run knows of it, as
//! [`OrchestratorOptions::answer`](super::OrchestratorOptions::answer); [`generate_as`] and
//! [`stream_as`] make values of what it gives.
mod partial;
mod run_as;
mod schema;
mod stream;

pub(super) use self::{
    run_as::asking_for,
    schema::{Refused, Sought},
};
pub use self::{
    run_as::{Structured, generate_as},
    schema::AnswerSchema,
    stream::{AnswerEvent, AnswerStream, stream_as},
};
