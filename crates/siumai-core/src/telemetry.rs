//! What a run tells telemetry: [`tracing`] spans that say what OpenTelemetry's conventions for
//! generative AI want to know.
//!
//! | span | for | inside |
//! |---|---|---|
//! | `invoke_agent {agent}` | a run, from its first poll to its end | whatever span drives the run |
//! | `chat {model}` | one request to the model and its reply | the run |
//! | `execute_tool {tool}` | one execution of a tool | the run |
//!
//! Their target is [`TARGET`], their level `INFO`, and their fields are the attributes of the
//! conventions' version 1.41, in [`names`]. A reply that broke off and is asked for again has a
//! `chat` of its own; attempts that the [layers](crate::model::layers) around a model make are
//! events in one. A run that is resumed has another `invoke_agent` with the same conversation.
//! What fails has an `error.type`, which is the [`ErrorKind`](crate::ErrorKind) in snake case, and
//! what is dropped before its end has failed as `cancelled`.
//!
//! Spans are all there is: durations, token counts and the time to the first chunk are in them, and
//! whoever exports them makes metrics of those. Where the conventions want a list of strings, which
//! `tracing` does not have, the field is its JSON. Nothing is formatted, cloned or measured unless
//! somebody listens.
//!
//! ```
//! use siumai_core::{
//!     orchestrator::{OrchestratorOptions, run},
//!     telemetry::Telemetry,
//!     testing::ScriptedModel,
//!     user,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), siumai_core::LlmError> {
//! let options = OrchestratorOptions {
//!     agent_id: Some("greeter".to_owned()),
//!     telemetry: Telemetry { content: true, ..Default::default() },
//!     ..Default::default()
//! };
//! let model = ScriptedModel::new().reply("Hello.");
//! run(&model, vec![user!("Hi")], None, None, &[], options).await?;
//! # Ok(())
//! # }
//! ```
mod content;
mod spans;

pub(crate) use self::spans::{Conversation, Execution, Inference, Invocation, ToolTelemetry};

/// The target of the spans: what filters go by.
pub const TARGET: &str = "siumai::telemetry";

/// What a run tells beside names, numbers and times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// Whether spans hold what was said: messages, arguments and results of tools, in the JSON of
    /// the conventions. Pictures and files are named, their bytes left out.
    ///
    /// They may tell of people, so this is off until somebody asks for it.
    pub content: bool,
    /// The conversation that the run is a part of; without one, it is known by the id of the run.
    pub conversation_id: Option<String>,
}

/// The names of OpenTelemetry's conventions for generative AI, version 1.41, and of those since
/// that this project knows.
///
/// No other file spells them.
#[expect(missing_docs, reason = "the conventions say what each is, and no two say the same")]
pub mod names {
    pub const OPERATION: &str = "gen_ai.operation.name";
    pub const PROVIDER: &str = "gen_ai.provider.name";
    pub const CONVERSATION: &str = "gen_ai.conversation.id";
    pub const AGENT: &str = "gen_ai.agent.name";
    pub const ERROR: &str = "error.type";

    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
    pub const TEMPERATURE: &str = "gen_ai.request.temperature";
    pub const TOP_P: &str = "gen_ai.request.top_p";
    pub const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
    pub const STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
    pub const SEED: &str = "gen_ai.request.seed";
    pub const OUTPUT_TYPE: &str = "gen_ai.output.type";

    pub const RESPONSE_ID: &str = "gen_ai.response.id";
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

    pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    pub const CACHED_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    pub const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";

    pub const TOOL: &str = "gen_ai.tool.name";
    pub const TOOL_TYPE: &str = "gen_ai.tool.type";
    pub const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
    pub const CALL_ID: &str = "gen_ai.tool.call.id";

    pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
    pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
    pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
    pub const CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
    pub const CALL_RESULT: &str = "gen_ai.tool.call.result";

    /// Why the run ended, which no convention has a name for.
    pub const STOPPED_BY: &str = "siumai.stopped_by";

    pub const INVOKE_AGENT: &str = "invoke_agent";
    pub const CHAT: &str = "chat";
    pub const EXECUTE_TOOL: &str = "execute_tool";

    /// The names of metrics, and of attributes that only metrics have.
    pub mod metrics {
        pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
        pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
        pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";

        /// Newer than 1.41, which has no name for it.
        pub const TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
        /// Newer than 1.41, which has no name for it.
        pub const AGENT_DURATION: &str = "gen_ai.invoke_agent.duration";

        /// What 1.41 calls [`OPERATION_DURATION`].
        pub const INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
        /// What 1.41 calls [`TIME_TO_FIRST_CHUNK`].
        pub const INFERENCE_TIME_TO_FIRST_CHUNK: &str =
            "gen_ai.client.inference.time_to_first_chunk";
        /// With [`OUTPUT_PER_INFERENCE`], what 1.41 calls [`TOKEN_USAGE`].
        pub const INPUT_PER_INFERENCE: &str = "gen_ai.client.inference.operation.input_tokens";
        pub const OUTPUT_PER_INFERENCE: &str = "gen_ai.client.inference.operation.output_tokens";
        pub const INPUT_USED: &str = "gen_ai.client.inference.usage.input_tokens";
        pub const OUTPUT_USED: &str = "gen_ai.client.inference.usage.output_tokens";
        pub const CACHED_INPUT_USED: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
        pub const REASONING_USED: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";

        pub const TOKEN_TYPE: &str = "gen_ai.token.type";
        pub const TOKEN_MODALITY: &str = "gen_ai.token.modality";
    }
}

#[cfg(test)]
mod tests;
