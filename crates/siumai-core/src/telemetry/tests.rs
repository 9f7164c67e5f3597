//! What telemetry costs where nobody listens.
use std::alloc::System;

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use super::{Conversation, Execution, Inference, Invocation, Telemetry, ToolTelemetry};
use crate::{
    journal::Outcome,
    orchestrator::RunError,
    testing::ScriptedModel,
    types::{
        ChatMessage, ChatRequest, ChatResponse, FinishReason, Tool, ToolCall, ToolResult, Usage,
    },
    user,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn nothing_is_allocated_where_nobody_listens() {
    let telemetry = Telemetry { content: true, conversation_id: Some("talk".into()) };
    let model = ScriptedModel::new();
    let request = ChatRequest::new(vec![user!("What is the weather?")]);
    let response = ChatResponse::new(ChatMessage::assistant("Wet."), FinishReason::Stop)
        .with_usage(Usage::new(10, 2));
    let replied = Outcome::Replied { response: Box::new(response) };
    let tool = Tool::function("get_weather", "Weather of a city");
    let call = ToolCall { id: "a".into(), name: "get_weather".into(), arguments: json!({}) };
    let result = ToolResult::executed(&call, json!("wet"));
    let failure = RunError::unbegun(crate::LlmError::invalid_input("no"), Vec::new());

    let step = || {
        let conversation = Conversation::of(&telemetry, "run-1");
        let invocation = Invocation::begin(conversation, Some("forecaster"), &model);
        let mut inference = Inference::begin(conversation, &model, &request);
        inference.heard();
        inference.ended(&replied);
        let of = ToolTelemetry { definition: Some(&tool), content: telemetry.content };
        let execution = Execution::begin(of, &call, &call.arguments);
        drop(execution.span().clone());
        execution.ended(&result, None);
        drop(Execution::begin(of, &call, &call.arguments));
        invocation.failed(&failure);
    };
    // The allocator counts for all tests of the process, and some stretch is without the others.
    let allocations = (0..10_000).map(|_| {
        let region = Region::new(ALLOCATOR);
        step();
        let change = region.change();
        change.allocations + change.reallocations
    });
    assert_eq!(allocations.min(), Some(0));
}
