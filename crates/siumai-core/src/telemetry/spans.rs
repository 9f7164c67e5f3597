//! The spans themselves. A span that nobody wants is none, and all that is asked of it then is
//! whether it is one.
use std::fmt;

use serde_json::Value;
use tokio::time::Instant;
use tracing::{Level, Span, field::Empty, span};

use super::{TARGET, Telemetry, content, names};
use crate::{
    ErrorKind, LlmError,
    journal::{ModelFailure, Outcome},
    model::LanguageModel,
    orchestrator::{RunError, RunOutput, StoppedBy},
    types::{
        ChatRequest, ChatResponse, FinishReason, ResponseFormat, Settings, Tool, ToolCall,
        ToolResult, Usage,
    },
};

/// The conversation a run is a part of, and whether what is said in it may be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversation<'a> {
    id: &'a str,
    content: bool,
}

impl<'a> Conversation<'a> {
    /// The conversation of a run.
    pub(crate) fn of(options: &'a Telemetry, run_id: &'a str) -> Self {
        let id = options.conversation_id.as_deref().unwrap_or(run_id);
        Self { id, content: options.content }
    }
}

/// What is known of a tool where it is executed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToolTelemetry<'a> {
    pub(crate) definition: Option<&'a Tool>,
    pub(crate) content: bool,
}

/// A span until its end. One that is dropped before was cancelled.
#[derive(Debug)]
struct Open {
    span: Span,
    has_ended: bool,
}

impl Open {
    fn new(span: Span) -> Self {
        Self { span, has_ended: false }
    }

    /// The span at its end, if anybody wants it.
    fn end(&mut self) -> Option<&Span> {
        self.has_ended = true;
        self.wanted()
    }

    fn wanted(&self) -> Option<&Span> {
        (!self.span.is_disabled()).then_some(&self.span)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let (false, Some(span)) = (self.has_ended, self.wanted()) {
            failed(span, ErrorKind::Cancelled);
        }
    }
}

/// A run, from its first poll to its end.
#[derive(Debug)]
pub(crate) struct Invocation {
    open: Open,
    content: bool,
}

impl Invocation {
    pub(crate) fn begin(
        conversation: Conversation<'_>,
        agent: Option<&str>,
        model: &dyn LanguageModel,
    ) -> Self {
        let span = span!(
            target: TARGET,
            Level::INFO,
            "invoke_agent",
            otel.name = %Named(names::INVOKE_AGENT, agent),
            otel.kind = "internal",
            otel.status_code = Empty,
            otel.status_description = Empty,
            { names::OPERATION } = names::INVOKE_AGENT,
            { names::PROVIDER } = provider(model.provider()),
            { names::REQUEST_MODEL } = model.model(),
            { names::CONVERSATION } = conversation.id,
            { names::AGENT } = agent,
            { names::FINISH_REASONS } = Empty,
            { names::INPUT_TOKENS } = Empty,
            { names::OUTPUT_TOKENS } = Empty,
            { names::CACHED_INPUT_TOKENS } = Empty,
            { names::STOPPED_BY } = Empty,
            { names::ERROR } = Empty,
        );
        Self { open: Open::new(span), content: conversation.content }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.open.span
    }

    pub(crate) fn finished(mut self, output: &RunOutput) {
        let Some(span) = self.open.end() else { return };
        span.record(names::STOPPED_BY, stopped_by(&output.stopped_by));
        record_finish_reason(span, &output.response.finish_reason);
        cost(span, &output.usage);
    }

    pub(crate) fn failed(mut self, failed: &RunError) {
        let content = self.content;
        let Some(span) = self.open.end() else { return };
        describe(span, failed.error(), content);
        cost(span, failed.usage());
    }
}

/// One request to a model, and its reply.
#[derive(Debug)]
pub(crate) struct Inference {
    open: Open,
    content: bool,
    /// When it began, until something of a streamed reply is heard.
    unheard_since: Option<Instant>,
}

impl Inference {
    pub(crate) fn begin(
        conversation: Conversation<'_>,
        model: &dyn LanguageModel,
        request: &ChatRequest,
    ) -> Self {
        let settings = request.settings();
        let span = span!(
            target: TARGET,
            Level::INFO,
            "chat",
            otel.name = %Named(names::CHAT, Some(model.model())),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            { names::OPERATION } = names::CHAT,
            { names::PROVIDER } = provider(model.provider()),
            { names::REQUEST_MODEL } = model.model(),
            { names::CONVERSATION } = conversation.id,
            { names::REQUEST_STREAM } = (!request.is_whole()).then_some(true),
            { names::TEMPERATURE } = settings.temperature,
            { names::TOP_P } = settings.top_p,
            { names::MAX_TOKENS } = settings.max_output_tokens.map(i64::from),
            { names::SEED } = settings.seed.map(signed),
            { names::STOP_SEQUENCES } = stop_sequences(settings),
            { names::OUTPUT_TYPE } = output_type(settings),
            { names::RESPONSE_ID } = Empty,
            { names::RESPONSE_MODEL } = Empty,
            { names::FINISH_REASONS } = Empty,
            { names::TIME_TO_FIRST_CHUNK } = Empty,
            { names::INPUT_TOKENS } = Empty,
            { names::OUTPUT_TOKENS } = Empty,
            { names::CACHED_INPUT_TOKENS } = Empty,
            { names::REASONING_TOKENS } = Empty,
            { names::SYSTEM_INSTRUCTIONS } = Empty,
            { names::INPUT_MESSAGES } = Empty,
            { names::OUTPUT_MESSAGES } = Empty,
            { names::TOOL_DEFINITIONS } = Empty,
            { names::ERROR } = Empty,
        );
        let open = Open::new(span);
        let mut since = None;
        if let Some(span) = open.wanted() {
            since = (!request.is_whole()).then(Instant::now);
            if conversation.content {
                say_request(span, request);
            }
        }
        Self { open, content: conversation.content, unheard_since: since }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.open.span
    }

    /// A piece of the reply has come.
    pub(crate) fn heard(&mut self) {
        if let Some(since) = self.unheard_since.take() {
            self.open.span.record(names::TIME_TO_FIRST_CHUNK, since.elapsed().as_secs_f64());
        }
    }

    pub(crate) fn ended(mut self, outcome: &Outcome) {
        let content = self.content;
        let Some(span) = self.open.end() else { return };
        match outcome {
            Outcome::Replied { response } => replied(span, response, content),
            Outcome::ModelFailed(failure) => {
                let ModelFailure { error, usage, .. } = &**failure;
                describe(span, error, content);
                record_usage(span, usage.as_ref());
            }
            Outcome::ToolFinished { .. } | Outcome::ToolSuspended { .. } => {}
        }
    }
}

/// One execution of a tool.
#[derive(Debug)]
pub(crate) struct Execution {
    open: Open,
    content: bool,
}

impl Execution {
    pub(crate) fn begin(tool: ToolTelemetry<'_>, call: &ToolCall, arguments: &Value) -> Self {
        let span = span!(
            target: TARGET,
            Level::INFO,
            "execute_tool",
            otel.name = %Named(names::EXECUTE_TOOL, Some(&call.name)),
            otel.kind = "internal",
            otel.status_code = Empty,
            otel.status_description = Empty,
            { names::OPERATION } = names::EXECUTE_TOOL,
            { names::TOOL } = call.name.as_str(),
            { names::TOOL_TYPE } = "function",
            { names::TOOL_DESCRIPTION } = tool.definition.map(Tool::description),
            { names::CALL_ID } = call.id.as_str(),
            { names::CALL_ARGUMENTS } = tool.content.then(|| content::json(arguments)),
            { names::CALL_RESULT } = Empty,
            { names::ERROR } = Empty,
        );
        Self { open: Open::new(span), content: tool.content }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.open.span
    }

    /// The tool has ended: with `result`, and as a failure of `kind`, if it was one.
    pub(crate) fn ended(mut self, result: &ToolResult, kind: Option<ErrorKind>) {
        let content = self.content;
        let Some(span) = self.open.end() else { return };
        if let Some(kind) = kind {
            failed(span, kind);
        }
        if content {
            span.record(names::CALL_RESULT, content::result(result));
        }
    }
}

/// An operation and what it is done with, as spans are named.
struct Named<'a>(&'a str, Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(operation, subject) = self;
        match subject {
            Some(subject) => write!(f, "{operation} {subject}"),
            None => f.write_str(operation),
        }
    }
}

#[cold]
fn say_request(span: &Span, request: &ChatRequest) {
    if !request.system().is_empty() {
        span.record(names::SYSTEM_INSTRUCTIONS, content::instructions(request.system()));
    }
    span.record(names::INPUT_MESSAGES, content::input(request.messages()));
    if !request.tools().is_empty() {
        span.record(names::TOOL_DEFINITIONS, content::definitions(request.tools()));
    }
}

#[cold]
fn replied(span: &Span, response: &ChatResponse, content: bool) {
    span.record(names::RESPONSE_ID, response.id.as_deref());
    span.record(names::RESPONSE_MODEL, response.model.as_deref());
    record_finish_reason(span, &response.finish_reason);
    record_usage(span, response.usage.as_ref());
    if content {
        let finish_reason = finish_reason(&response.finish_reason);
        span.record(names::OUTPUT_MESSAGES, content::output(&response.message, finish_reason));
    }
}

#[cold]
fn failed(span: &Span, kind: ErrorKind) {
    span.record("otel.status_code", "ERROR");
    span.record(names::ERROR, error_type(kind));
}

/// What failed, and in which words, unless they are a tool's and nobody asked for those.
#[cold]
fn describe(span: &Span, error: &LlmError, content: bool) {
    failed(span, error.kind());
    if content || !matches!(error.kind(), ErrorKind::Tool | ErrorKind::FatalTool) {
        span.record("otel.status_description", error.to_string());
    }
}

fn record_usage(span: &Span, usage: Option<&Usage>) {
    let Some(usage) = usage else { return };
    cost(span, usage);
    record_tokens(span, names::REASONING_TOKENS, usage.reasoning_tokens.get());
}

fn cost(span: &Span, usage: &Usage) {
    record_tokens(span, names::INPUT_TOKENS, usage.input_tokens.get());
    record_tokens(span, names::OUTPUT_TOKENS, usage.output_tokens.get());
    record_tokens(span, names::CACHED_INPUT_TOKENS, usage.cached_input_tokens.get());
}

fn record_tokens(span: &Span, name: &str, tokens: Option<u64>) {
    span.record(name, tokens.map(signed));
}

fn record_finish_reason(span: &Span, reason: &FinishReason) {
    span.record(names::FINISH_REASONS, content::json(&[finish_reason(reason)]));
}

/// OpenTelemetry has no unsigned numbers.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn stop_sequences(settings: &Settings) -> Option<String> {
    let sequences = &settings.stop_sequences;
    (!sequences.is_empty()).then(|| content::json(sequences))
}

fn output_type(settings: &Settings) -> Option<&'static str> {
    settings.response_format.as_ref().map(|format| match format {
        ResponseFormat::Json | ResponseFormat::JsonSchema { .. } => "json",
    })
}

/// A provider by the name that the conventions have for it, else by its own.
fn provider(name: &str) -> &str {
    match name {
        "gemini" => "gcp.gemini",
        "azure" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        other => other,
    }
}

fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_call",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Paused => "paused",
        FinishReason::Other(reason) => reason,
    }
}

fn stopped_by(stopped_by: &StoppedBy) -> &'static str {
    match stopped_by {
        StoppedBy::Answer => "answer",
        StoppedBy::Condition { .. } => "condition",
        StoppedBy::MaxSteps => "max_steps",
        StoppedBy::UsageLimit { .. } => "usage_limit",
        StoppedBy::InvalidToolCalls => "invalid_tool_calls",
        StoppedBy::RepeatedToolCalls => "repeated_tool_calls",
        StoppedBy::ToolCallsPending => "tool_calls_pending",
        StoppedBy::ApprovalPending => "approval_pending",
    }
}

fn error_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Tool => "tool",
        ErrorKind::FatalTool => "fatal_tool",
        ErrorKind::InvalidInput => "invalid_input",
        ErrorKind::InvalidRequest => "invalid_request",
        ErrorKind::Authentication => "authentication",
        ErrorKind::PermissionDenied => "permission_denied",
        ErrorKind::NotFound => "not_found",
        ErrorKind::RateLimited => "rate_limited",
        ErrorKind::Overloaded => "overloaded",
        ErrorKind::Server => "server",
        ErrorKind::ContextTooLong => "context_too_long",
        ErrorKind::ContentFilter => "content_filter",
        ErrorKind::Connection => "connection",
        ErrorKind::Timeout => "timeout",
        ErrorKind::MalformedReply => "malformed_reply",
        ErrorKind::IncompleteReply => "incomplete_reply",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::OutOfOrder => "out_of_order",
        ErrorKind::Journal => "journal",
        ErrorKind::DecisionRefused => "decision_refused",
        ErrorKind::InvalidAnswer => "invalid_answer",
        ErrorKind::BadSignature => "bad_signature",
        ErrorKind::Panicked => "panicked",
    }
}
