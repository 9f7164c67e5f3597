//! Histories: made valid, made shorter, kept.
//!
//! | to | use |
//! |---|---|
//! | make a history from elsewhere one that a provider accepts | [`mend`]; a run does it by itself |
//! | send less of a long one | [`last_exchanges`], [`within_tokens`], [`drop_tool_results`] |
//! | have a model sum up what is old | [`Compaction`](crate::orchestrator::Compaction) |
//! | keep one and read it again years later | [`History`] |
//!
//! What shortens a history is a plain function, for
//! [`prepare_step`](crate::orchestrator::OrchestratorOptions::prepare_step),
//! [`on_context_too_long`](crate::orchestrator::OrchestratorOptions::on_context_too_long), or
//! wherever else a history is at hand. Nothing here does IO or asks a model.
mod mend;
mod saved;
mod summary;
mod trim;

pub(crate) use self::summary::Parted;
pub use self::{
    mend::mend,
    saved::History,
    trim::{Keep, drop_tool_results, last_exchanges, rough_tokens, within_tokens},
};
