//! The events of a run: their order, what they carry, and their end.
use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture};
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::{Delta, ToolCallDelta},
    orchestrator::{OnChunk, OrchestratorOptions, StreamEvent, ToolLoopAgent, run, step_count_is},
    testing::Reply,
    types::{ChatMessage, ContentPart, Role},
    user,
};

use crate::fixtures::{Played, Scene, echo, play, restless, script, tool};

fn deltas(played: &Played) -> Vec<Delta> {
    let delta = |event: &StreamEvent| match event {
        StreamEvent::Delta { delta, .. } => Some(delta.clone()),
        _ => None,
    };
    played.events.iter().filter_map(delta).collect()
}

#[tokio::test(start_paused = true)]
async fn s1_the_events_of_a_two_step_run_come_in_this_order() {
    let played = play(|_| {
        let reply = Reply::text("Let me see.").call("look", json!({})).call("hear", json!({}));
        Scene::new(script().then(reply).reply("It is here.")).echoing(["look", "hear"])
    })
    .await;
    let expected = [
        "start",
        "step_start",
        "delta",
        "delta",
        "delta",
        "delta",
        "delta",
        "delta",
        "delta",
        "delta",
        "delta",
        "tool_call",
        "tool_call",
        "tool_result",
        "tool_result",
        "step_finish",
        "step_start",
        "delta",
        "delta",
        "delta",
        "step_finish",
        "end",
    ];
    assert_eq!(played.event_types(), expected);
    let numbers = |from: usize, to: usize| {
        let number = |event: &StreamEvent| {
            let event = serde_json::to_value(event).unwrap();
            event["step_number"].as_u64().or(event["step"]["step_number"].as_u64())
        };
        played.events[from..to].iter().map(number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(1, 16), vec![Some(0); 15]);
    assert_eq!(numbers(16, 21), vec![Some(1); 5]);
}

#[tokio::test(start_paused = true)]
async fn s1_events_carry_what_the_steps_hold() {
    let played = play(|_| {
        Scene::new(script().calls("look", json!({ "n": 1 })).reply("Done.")).echoing(["look"])
    })
    .await;
    let (mut calls, mut results, mut finished) = (Vec::new(), Vec::new(), Vec::new());
    for event in played.events.clone() {
        match event {
            StreamEvent::ToolCall { call, .. } => calls.push(call),
            StreamEvent::ToolResult { result, .. } => results.push(result),
            StreamEvent::StepFinish { step, .. } => finished.push(*step),
            _ => {}
        }
    }
    assert_eq!(calls, played.steps()[0].tool_calls);
    assert_eq!(results, played.steps()[0].tool_results);
    assert_eq!(finished, played.steps());
}

#[tokio::test(start_paused = true)]
async fn s1_the_start_names_the_agent_and_the_run() {
    let agent = ToolLoopAgent::new(script().reply("Hello."), vec![], vec![step_count_is(3)]);
    let agent = agent.with_id("greeter").with_options(OrchestratorOptions {
        run_id: Some("run-1".to_owned()),
        ..Default::default()
    });
    let mut stream = agent.stream(vec![user!("go")], echo(&[])).await.unwrap().stream;
    let start = serde_json::to_value(stream.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(start, json!({ "type": "start", "agent_id": "greeter", "run_id": "run-1" }));
}

#[tokio::test(start_paused = true)]
async fn s2_tool_arguments_stream_as_deltas() {
    let played = play(|_| {
        let reply = Reply::empty().raw_call("a", "look", r#"{"n": 1}"#);
        Scene::new(script().then(reply).reply("Done.")).echoing(["look"])
    })
    .await;
    let expected = [
        Delta::tool_call(ToolCallDelta::begin(0, "a", "look")),
        Delta::tool_call(ToolCallDelta::arguments(0, r#"{"n""#)),
        Delta::tool_call(ToolCallDelta::arguments(0, ": 1}")),
    ];
    assert_eq!(deltas(&played)[..3], expected);
}

#[tokio::test(start_paused = true)]
async fn s2_empty_deltas_are_dropped_and_white_space_is_kept() {
    let played = play(|notes| {
        let notes = notes.clone();
        let options = OrchestratorOptions {
            on_chunk: Some(Arc::new(move |text| notes.add(text))),
            ..Default::default()
        };
        let pieces = ["", "a", " ", "", "\n", "b"];
        let reply = pieces.iter().fold(Reply::empty(), |it, text| it.delta(Delta::content(*text)));
        let reply = reply.reasoning("").delta(Delta::default()).delta(Delta::refusal(""));
        Scene::new(script().then(reply)).options(options)
    })
    .await;
    let kept = ["a", " ", "\n", "b"];
    assert_eq!(deltas(&played), kept.map(Delta::content));
    assert_eq!(played.notes, kept);
    assert_eq!(played.output().response.content_text(), Some("a \nb"));
}

#[tokio::test(start_paused = true)]
async fn s2_an_empty_text_beside_something_else_is_dropped_too() {
    let played = play(|notes| {
        let notes = notes.clone();
        let options = OrchestratorOptions {
            on_chunk: Some(Arc::new(move |text| notes.add(text))),
            ..Default::default()
        };
        let beside = |reasoning: &str| {
            let mut delta = Delta::reasoning(reasoning);
            delta.content = Some(String::new());
            delta.refusal = Some(String::new());
            delta
        };
        let reply = Reply::empty().delta(beside("one, ")).delta(beside("two"));
        Scene::new(script().then(reply.delta(Delta::content("Done.")))).options(options)
    })
    .await;
    let expected = [Delta::reasoning("one, "), Delta::reasoning("two"), Delta::content("Done.")];
    assert_eq!(deltas(&played), expected);
    let parts = vec![ContentPart::reasoning("one, two"), ContentPart::text("Done.")];
    assert_eq!(played.messages()[1], ChatMessage::new(Role::Assistant, parts));
    assert_eq!(played.notes, ["Done."]);
}

#[tokio::test(start_paused = true)]
async fn s2_an_id_and_a_name_that_are_repeated_with_every_piece_begin_nothing_new() {
    let played = play(|_| {
        let piece = |arguments: &str| {
            let begin = ToolCallDelta::begin(0, "a", "look");
            Delta::tool_call(ToolCallDelta { arguments: arguments.to_owned(), ..begin })
        };
        let reply = Reply::empty().delta(piece("{\"n\"")).delta(piece("")).delta(piece(": 1}"));
        Scene::new(script().then(reply).reply("Done.")).echoing(["look"])
    })
    .await;
    let first =
        ToolCallDelta { arguments: "{\"n\"".into(), ..ToolCallDelta::begin(0, "a", "look") };
    let expected = [Delta::tool_call(first), Delta::tool_call(ToolCallDelta::arguments(0, ": 1}"))];
    assert_eq!(deltas(&played)[..2], expected);
    assert_eq!(played.calls, [("look".to_owned(), json!({ "n": 1 }))]);
}

#[tokio::test(start_paused = true)]
async fn s3_after_an_error_the_stream_ends_and_the_error_carries_the_steps() {
    let error = LlmError::new(ErrorKind::Connection, "no connection");
    let scene = Scene::new(script().calls("look", json!({})).fails(error)).echoing(["look"]);
    let mut stream = scene.stream().await.stream;
    let (mut error, mut after) = (None, 0);
    while let Some(event) = stream.next().await {
        after += usize::from(error.is_some());
        error = error.or(event.err());
    }
    assert_eq!(after, 0);
    assert!(stream.next().await.is_none());
    let error = error.unwrap();
    assert_eq!((error.kind(), error.steps().len()), (ErrorKind::Connection, 1));
}

#[tokio::test(start_paused = true)]
async fn s4_every_step_streams_and_not_only_the_first() {
    let second = Duration::from_secs(1);
    let slowly = |name: Option<&str>| {
        let reply = Reply::text("one ").wait(second).delta(Delta::content("two"));
        name.map_or(reply.clone(), |name| reply.call(name, json!({})))
    };
    let model = script().then(slowly(Some("look"))).then(slowly(Some("look"))).then(slowly(None));
    let mut stream = Scene::new(model).echoing(["look"]).stream().await.stream;
    let mut waited = Vec::new();
    loop {
        let event = if let Some(event) = stream.next().now_or_never() {
            event
        } else {
            waited.push("waited".to_owned());
            stream.next().await
        };
        let Some(event) = event else { break };
        if let StreamEvent::Delta { delta, .. } = event.unwrap() {
            waited.extend(delta.content);
        }
    }
    assert_eq!(waited, ["one ", "waited", "two"].repeat(3));
}

#[tokio::test(start_paused = true)]
async fn s4_a_slow_reader_slows_the_run() {
    let model = script().calls("look", json!({})).reply("Done.");
    let resolver = Arc::new(echo(&["look"]));
    let scene = Scene::new(model).tools([tool("look")]).resolver(Arc::clone(&resolver));
    let mut stream = scene.stream().await.stream;
    loop {
        let event = stream.next().await.unwrap().unwrap();
        if matches!(event, StreamEvent::ToolCall { .. }) {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(resolver.calls().is_empty(), "a run moves only while it is polled");
    stream.next().await.unwrap().unwrap();
    assert_eq!(resolver.calls(), [("look".to_owned(), Value::Object(serde_json::Map::new()))]);
}

#[tokio::test]
async fn s4_of_a_reply_that_is_all_there_no_more_than_eight_pieces_wait_for_a_slow_reader() {
    let chunks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&chunks);
    let on_chunk: OnChunk = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let options = OrchestratorOptions { on_chunk: Some(on_chunk), ..Default::default() };
    let reply = script().then(Reply::text("on ".repeat(20)));
    let mut stream = Scene::new(reply).options(options).stream().await.stream;
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        if matches!(event.unwrap(), StreamEvent::Delta { .. }) {
            seen.push(chunks.load(Ordering::Relaxed));
        }
    }
    assert_eq!(seen, [[8; 8].as_slice(), &[16; 8], &[20; 4]].concat());
}

/// How often another task got its turn while a run went on that never waits.
async fn turns_beside(run: LocalBoxFuture<'static, usize>) -> usize {
    let (mut tasks, turns) = (tokio::task::JoinSet::new(), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&turns);
    let local = tokio::task::LocalSet::new();
    tasks.spawn_local_on(
        async move {
            loop {
                counted.set(counted.get() + 1);
                tokio::task::yield_now().await;
            }
        },
        &local,
    );
    assert_eq!(local.run_until(run).await, 100, "steps");
    turns.get()
}

#[tokio::test(flavor = "current_thread")]
async fn s4_a_run_that_never_waits_lets_others_on_its_thread_have_their_turn() {
    let whole = turns_beside(Box::pin(async {
        let tools = Some(vec![tool("look")]);
        let options = OrchestratorOptions::default();
        let (model, resolver) = (restless(), echo(&["look"]));
        let ran = run(&model, vec![user!("go")], tools, Some(&resolver), &[], options).await;
        ran.unwrap().steps.len()
    }));
    assert!(whole.await >= 3);
    let steps = turns_beside(Box::pin(async {
        let owned = Scene::new(restless()).echoing(["look"]).stream().await;
        let (_unread, steps) = (owned.stream, owned.steps);
        steps.await.unwrap().len()
    }));
    assert!(steps.await >= 3);
    let read = turns_beside(Box::pin(async {
        let owned = Scene::new(restless()).echoing(["look"]).stream().await;
        owned.stream.count().await;
        owned.steps.await.unwrap().len()
    }));
    assert!(read.await >= 3);
}
