//! A run that is resumed from its journal keeps its limits, its repairs and what it noticed.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    journal::{MemoryJournal, Record, RecordKind},
    orchestrator::{
        AtLimit, InvalidCall, OrchestratorOptions, RunOutput, StoppedBy, UsageLimit, UsageLimits,
        run,
    },
    testing::{Reply, ScriptedModel},
    types::{
        ToolCall,
        ToolStatus::{Invalid, Skipped},
    },
    user,
};

use crate::fixtures::{calls, echo, script, tool};

type Replies = fn() -> Vec<Reply>;

/// Calls `look` again and again, with a text for a number, and answers when it has to.
fn circling() -> Vec<Reply> {
    let again = || Reply::empty().call("look", json!({ "n": "7" }));
    vec![again(), again(), again(), Reply::text("It stays the same.")]
}

/// Makes a batch that is too large.
fn greedy() -> Vec<Reply> {
    vec![
        calls(&["look"]),
        calls(&["look", "look", "sing", "look"]),
        Reply::text("As far as I got."),
    ]
}

fn options(journal: MemoryJournal) -> OrchestratorOptions {
    let number = |invalid: InvalidCall<'_>| {
        let n: i64 = invalid.call.arguments["n"].as_str()?.parse().ok()?;
        Some(ToolCall { arguments: json!({ "n": n }), ..invalid.call.clone() })
    };
    OrchestratorOptions {
        max_steps: 3,
        limits: UsageLimits { tool_calls: Some(3), ..Default::default() },
        at_limit: AtLimit::Answer,
        repair_tool_call: Some(Arc::new(number)),
        run_id: Some("run-1".into()),
        journal: Some(Arc::new(journal)),
        ..Default::default()
    }
}

/// What comes of the run that begins with `records`, and the records it ends with.
async fn going_on(replies: Replies, records: &[Record]) -> (RunOutput, Vec<Record>) {
    let journal = MemoryJournal::new();
    journal.set_records("run-1", records.to_vec());
    let is_reply = |it: &&Record| {
        it.kind() == RecordKind::Outcome && it.effect().is_some_and(|it| it.ends_with("/model"))
    };
    let heard = records.iter().filter(is_reply).count();
    let model = replies().into_iter().skip(heard).fold(script(), ScriptedModel::then);
    let (tools, resolver) = (Some(vec![tool("look")]), echo(&["look"]));
    let options = options(journal.clone());
    let output = run(&model, vec![user!("go")], tools, Some(&resolver), &[], options).await;
    (output.unwrap(), journal.records("run-1"))
}

/// Asserts that the run ends alike from wherever no effect was under way; returns how it ends.
async fn from_anywhere(replies: Replies) -> RunOutput {
    let (expected, records) = going_on(replies, &[]).await;
    for count in 1..records.len() {
        let prefix = &records[..count];
        let begun = prefix.iter().filter(|it| it.kind() == RecordKind::Intent).count();
        let ended = prefix.iter().filter(|it| it.kind() == RecordKind::Outcome).count();
        if begun == ended {
            assert_eq!(going_on(replies, prefix).await.0, expected, "from {count} records on");
        }
    }
    expected
}

#[tokio::test(start_paused = true)]
async fn j2_repairs_notes_and_a_final_answer_are_the_same_in_a_run_that_is_resumed() {
    let output = from_anywhere(circling).await;
    assert_eq!(output.stopped_by, StoppedBy::MaxSteps);
    assert_eq!(output.response.content_text(), Some("It stays the same."));
    let results: Vec<_> = output.steps.iter().flat_map(|it| &it.tool_results).collect();
    assert!(results.iter().all(|it| it.modified_arguments == Some(json!({ "n": 7 }))));
    let noted: Vec<_> = results.iter().map(|it| it.note.is_some()).collect();
    assert_eq!(noted, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn j2_a_batch_that_was_held_back_stays_so_in_a_run_that_is_resumed() {
    let output = from_anywhere(greedy).await;
    let StoppedBy::UsageLimit { limit, .. } = output.stopped_by else { panic!("{output:#?}") };
    assert_eq!(limit, UsageLimit::ToolCalls);
    let statuses: Vec<_> = output.steps[1].tool_results.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [Skipped, Skipped, Invalid, Skipped]);
}
