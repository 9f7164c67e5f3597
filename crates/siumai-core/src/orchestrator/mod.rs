//! Runs: a model that works in steps, calling tools until it is done or a condition stops it.
//!
//! | to run | use |
//! |---|---|
//! | and get the answer and the steps | [`generate`] |
//! | and get all there is to know | [`run`] |
//! | and watch | [`generate_stream`], [`generate_stream_owned`] |
//! | and get a value of a type | [`generate_as`], [`stream_as`] |
//! | the same agent again and again | [`ToolLoopAgent`] |
//!
//! All of them poll the same loop.
mod agent;
mod agent_tool;
mod answer;
mod approval;
mod approver;
mod asking;
mod below;
mod callbacks;
mod clock;
mod contained;
mod driver;
mod emitter;
mod ending;
mod entry;
mod event;
mod execute;
mod generate;
mod hand_off;
mod limits;
mod loop_guard;
mod open_step;
mod outcome;
mod perform;
mod prepare_step;
mod progress;
mod recorded;
mod repair;
mod resume;
mod run;
mod run_error;
mod screen;
mod setup;
mod stop_condition;
mod stream;
mod suspended;
mod turns;
mod types;
mod watch;

pub use self::{
    agent::ToolLoopAgent,
    agent_tool::AgentTool,
    answer::{AnswerEvent, AnswerSchema, AnswerStream, Structured, generate_as, stream_as},
    approver::{ApprovalDecision, ApprovalRequest, Approver},
    callbacks::{
        ChooseModel, OnChunk, OnContextTooLong, OnFinish, OnStepFinish, OnToolApproval, PrepareStep,
    },
    entry::Ending,
    event::StreamEvent,
    generate::{generate, run},
    hand_off::Team,
    limits::{AtLimit, UsageLimit, UsageLimits},
    loop_guard::LoopGuard,
    perform::perform,
    prepare_step::{PrepareStepContext, PrepareStepResult},
    recorded::RecordedRun,
    repair::{InvalidCall, RepairToolCall},
    run_error::RunError,
    stop_condition::{
        StopCondition, all_of, any_of, cost_over, custom_condition, elapsed, has_text_response,
        has_tool_call, no, same_call_repeated, step_count_is, tool_call_count_is,
        total_tokens_over,
    },
    stream::{RunStream, Steps, StreamOrchestration, generate_stream, generate_stream_owned},
    suspended::{SigningKey, SuspendedRun},
    types::{
        OrchestratorOptions, OrchestratorStreamOptions, RunOutput, StepResult, StoppedBy, Timeouts,
        ToolApproval,
    },
};
pub use crate::{tool::ToolResolver, types::ToolChoice};
