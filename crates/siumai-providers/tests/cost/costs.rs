//! Deltas, steps and copies, counted.
use std::alloc::System;

use futures_util::StreamExt;
use serde_json::Value;
use siumai_core::{
    LlmError, async_trait,
    orchestrator::{OrchestratorOptions, StreamEvent, generate_stream_owned, run},
    tool::ToolResolver,
    types::{ChatMessage, ChatRequest, Tool},
    user,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};

use crate::wires::Wire;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often memory was asked for, and how many bytes of it.
#[derive(Clone, Copy, Debug)]
struct Cost {
    times: usize,
    bytes: usize,
}

impl Cost {
    fn since(before: Stats) -> Self {
        let made = ALLOCATOR.stats() - before;
        Self { times: made.allocations + made.reallocations, bytes: made.bytes_allocated }
    }

    /// What this cost more than `other`.
    fn beyond(self, other: Self) -> Self {
        Self { times: self.times - other.times, bytes: self.bytes - other.bytes }
    }
}

#[tokio::test]
async fn what_is_done_again_and_again_asks_for_little_memory() {
    for wire in Wire::ALL {
        check_deltas(wire).await;
        check_steps(wire).await;
    }
    check_copies();
}

/// A delta is told by an event of the run: its text is all that is allocated for it.
async fn check_deltas(wire: Wire) {
    const MORE: usize = 2_000;
    let few = cost_of_deltas(wire, MORE).await;
    let cost = cost_of_deltas(wire, 2 * MORE).await.beyond(few);
    // Beside the texts there is more room for the whole reply now and then, and its pieces.
    assert!(cost.times <= MORE + MORE / 100, "{wire:?}: {cost:?} for {MORE} deltas");
    assert!(cost.bytes <= 128 * MORE, "{wire:?}: {cost:?} for {MORE} deltas");
}

async fn cost_of_deltas(wire: Wire, count: usize) -> Cost {
    let model = wire.model(vec![wire.text(count)]);
    let before = ALLOCATOR.stats();
    let mut stream = generate_stream_owned(
        model,
        vec![user!("Tell me more")],
        None,
        Adds,
        Vec::new(),
        OrchestratorOptions::default(),
    )
    .await
    .unwrap();
    let mut told = 0;
    while let Some(event) = stream.stream.next().await {
        told += usize::from(matches!(event.unwrap(), StreamEvent::Delta { .. }));
    }
    assert_eq!(told, count);
    Cost::since(before)
}

/// A step costs as much whether forty or eighty are behind it.
async fn check_steps(wire: Wire) {
    const MORE: usize = 40;
    // What is made once in a process is no cost of a step.
    cost_of_steps(wire, 1).await;
    let short = cost_of_steps(wire, MORE).await;
    let long = cost_of_steps(wire, 2 * MORE).await;
    let longest = cost_of_steps(wire, 3 * MORE).await;
    let (early, late) = (long.beyond(short), longest.beyond(long));
    assert!(late.times <= 110 * MORE, "{wire:?}: {late:?} for {MORE} steps");
    assert!(late.times <= early.times + MORE, "{wire:?}: {early:?}, later {late:?}");
    // What is sent again is hardly copied, whichever step it is of.
    assert!(late.bytes <= 24 * 1024 * MORE, "{wire:?}: {late:?} for {MORE} steps");
}

async fn cost_of_steps(wire: Wire, steps: usize) -> Cost {
    let mut answers: Vec<_> = (1..steps).map(|_| wire.call()).collect();
    answers.push(wire.text(1));
    let model = wire.model(answers);
    let tools = vec![Tool::function("add", "Adds").parameter("a", "integer", "What", true)];
    let before = ALLOCATOR.stats();
    let options = OrchestratorOptions { max_steps: 1_000, ..Default::default() };
    let ended = run(&*model, vec![user!("Add")], Some(tools), Some(&Adds), &[], options);
    assert_eq!(ended.await.unwrap().steps.len(), steps);
    Cost::since(before)
}

struct Adds;

#[async_trait]
impl ToolResolver for Adds {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        Ok(Value::String("x".repeat(500)))
    }
}

/// Copies share their messages.
fn check_copies() {
    let messages: Vec<_> = (0..1_000).map(|it| ChatMessage::user(it.to_string())).collect();
    let before = ALLOCATOR.stats();
    let copy = messages.clone();
    let cost = Cost::since(before);
    assert_eq!((cost.times, cost.bytes), (1, 8 * copy.len()));
    let request = ChatRequest::new(copy);
    let before = ALLOCATOR.stats();
    let copies = [request.clone(), request.clone()];
    assert_eq!(Cost::since(before).times, 0, "of {copies:?}");
}
