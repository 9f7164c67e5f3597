//! Runs: a model that works in steps, calling tools until it is done or a condition stops it.
//!
//! | to run | use |
//! |---|---|
//! | and get the answer and the steps | [`generate`] |
//! | and get all there is to know | [`run`] |
//! | and watch | [`generate_stream`], [`generate_stream_owned`] |
//! | the same agent again and again | [`ToolLoopAgent`] |
//!
//! All of them poll the same loop.
mod agent;
mod approval;
mod approver;
mod asking;
mod contained;
mod driver;
mod emitter;
mod ending;
mod entry;
mod event;
mod execute;
mod generate;
mod open_step;
mod outcome;
mod perform;
mod prepare_step;
mod progress;
mod resume;
mod run;
mod setup;
mod stop_condition;
mod stream;
mod suspended;
mod types;
mod watch;

pub use self::{
    agent::ToolLoopAgent,
    approver::{ApprovalDecision, ApprovalRequest, Approver},
    event::StreamEvent,
    generate::{generate, run},
    perform::perform,
    prepare_step::{PrepareStepContext, PrepareStepResult},
    stop_condition::{
        StopCondition, all_of, any_of, custom_condition, has_text_response, has_tool_call,
        step_count_is,
    },
    stream::{RunStream, Steps, StreamOrchestration, generate_stream, generate_stream_owned},
    suspended::{SigningKey, SuspendedRun},
    types::{
        OnChunk, OnContextTooLong, OnFinish, OnStepFinish, OnToolApproval, OrchestratorOptions,
        OrchestratorStreamOptions, PrepareStep, RunError, RunOutput, StepResult, StoppedBy,
        Timeouts, ToolApproval,
    },
};
pub use crate::{tool::ToolResolver, types::ToolChoice};
