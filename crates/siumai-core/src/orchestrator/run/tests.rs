//! A run is the fold of its entries: it refuses what can't happen, and serialises between any two.
use std::sync::LazyLock;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
    sample::select,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    ErrorKind,
    orchestrator::{
        AtLimit, LoopGuard, SuspendedRun, UsageLimits, limits, open_step::Decision, step_count_is,
    },
    types::{ContentPart, FinishReason, Role, Tool, ToolResult, ToolStatus, Usage},
};

fn toolbox() -> Toolbox {
    let look = Tool::function_with_schema("look", "Looks", json!({ "type": "object" }));
    Toolbox::new(vec![look]).unwrap()
}

fn rules(tools: &Toolbox) -> Rules<'_> {
    static SETTINGS: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);
    Rules {
        max_steps: 1000,
        limits: Limits { max_invalid_calls: 3, ..Limits::default() },
        stop: &[],
        tool_choice: None,
        settings: &SETTINGS,
        prepare_step: None,
        step_retries: 0,
        on_context_too_long: None,
        tools,
        answer: None,
        compaction: None,
    }
}

fn begun() -> Run {
    let messages = vec![ChatMessage::system("Be brief."), ChatMessage::user("go")];
    Run::new("run-1".to_owned(), messages)
}

fn reply(text: &str, calls: &[(&str, Value)]) -> ChatResponse {
    let mut parts = vec![ContentPart::text(text)];
    parts.extend(calls.iter().map(|(id, arguments)| {
        let (id, name, arguments) = ((*id).to_owned(), "look".to_owned(), arguments.clone());
        ContentPart::ToolCall(Arc::new(ToolCall { id, name, arguments }))
    }));
    ChatResponse::new(ChatMessage::new(Role::Assistant, parts), FinishReason::Stop)
}

fn started(call: &ToolCall) -> Entry {
    Entry::CallStarted { call_id: call.id.clone() }
}

fn executed(call: &ToolCall) -> Entry {
    Entry::CallFinished(Arc::new(ToolResult::executed(call, json!("seen"))))
}

fn execute(call: &ToolCall) -> Entry {
    let decision = Decision::Execute { modified_arguments: None };
    Entry::CallDecided { call_id: call.id.clone(), decision }
}

/// A run in each of its states: between steps, asking, asked, deciding, waiting, ready,
/// executing, and left.
fn in_every_state() -> [Run; 8] {
    let call = reply("", &[("a", json!({}))]).tool_calls.remove(0);
    let after = |run: &Run, entry| {
        let mut after = run.clone();
        after.apply(entry).unwrap();
        after
    };
    let decided = |decision| Entry::CallDecided { call_id: "a".into(), decision };
    let asking = after(&begun(), Entry::StepStarted(StepPlan::default()));
    let asked = after(&asking, Entry::ModelAsked);
    let deciding = after(&asked, Entry::ModelReplied(reply("Hm.", &[("a", json!({}))]).into()));
    let waiting = after(&deciding, decided(Decision::Wait));
    let ready = after(&deciding, execute(&call));
    let executing = after(&ready, started(&call));
    let left = after(&deciding, decided(Decision::Leave));
    [begun(), asking, asked, deciding, waiting, ready, executing, left]
}

#[test]
fn an_entry_out_of_order_is_an_error_and_changes_nothing() {
    let call = reply("", &[("a", json!({}))]).tool_calls.remove(0);
    let other = ToolCall { id: "b".into(), ..(*call).clone() };
    let entries = [
        Entry::StepStarted(StepPlan::default()),
        Entry::ModelAsked,
        Entry::ReplyLost,
        Entry::ModelReplied(reply("Hm.", &[]).into()),
        Entry::CallDecided { call_id: "a".into(), decision: Decision::Wait },
        execute(&call),
        started(&call),
        Entry::CallReopened { call_id: "a".into() },
        executed(&call),
        execute(&other),
        started(&other),
        executed(&other),
        Entry::MessagesAdded(vec![ChatMessage::user("And?")]),
        Entry::CallMended(Arc::clone(&call)),
    ];
    let accepted = in_every_state().map(|run| {
        let accepted = entries.clone().map(|entry| {
            let mut after = run.clone();
            let name = entry.name();
            match after.apply(entry) {
                Ok(_) => Some(name),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::OutOfOrder);
                    assert_eq!(after, run, "it changes nothing");
                    None
                }
            }
        });
        accepted.into_iter().flatten().collect::<Vec<_>>()
    });
    let expected: [&[&str]; 8] = [
        &["the start of a step", "another message"],
        &["a request"],
        &["the loss of a reply", "a reply"],
        // To wait, or to execute.
        &["a decision", "a decision", "a tool result", "a repair"],
        &["a decision", "a tool result"],
        &["the start of a tool", "a tool result"],
        &["another start of a tool", "a tool result"],
        &["another message"],
    ];
    assert_eq!(accepted, expected);
}

#[test]
fn breaking_off_answers_what_is_open_and_leaves_the_rest_as_it_is() {
    let broken = in_every_state().map(|mut run| {
        run.break_off(ToolStatus::Interrupted);
        let of_steps = run.steps.iter().flat_map(|it| it.messages.clone()).collect::<Vec<_>>();
        assert_eq!(run.messages[1..], of_steps, "the history is what its steps hold");
        let results = run.messages.iter().flat_map(ChatMessage::tool_results);
        (run.steps.len(), results.map(|it| it.status).collect::<Vec<_>>())
    });
    let answered = || (1, vec![ToolStatus::Interrupted]);
    let unanswered = || (0, vec![]);
    let expected = [
        unanswered(),
        unanswered(),
        unanswered(),
        answered(),
        answered(),
        answered(),
        answered(),
        answered(),
    ];
    assert_eq!(broken, expected);
}

#[test]
fn the_history_of_a_long_run_is_never_copied() {
    let (tools, mut run) = (toolbox(), begun());
    let place = Arc::as_ptr(&run.messages);
    for step in 0..200 {
        let calls = [("a", json!({ "step": step }))];
        perform(&mut run, &rules(&tools), &mut vec![reply("On.", &calls)], |_| {});
        assert_eq!(Arc::as_ptr(&run.messages), place, "at step {step}");
    }
    assert_eq!((run.steps.len(), run.messages.len()), (200, 401));
}

#[test]
fn a_run_that_has_no_step_left_of_its_limit_stops() {
    let tools = toolbox();
    let mut run = begun();
    let limited = Rules { max_steps: 1, ..rules(&tools) };
    let log = perform(&mut run, &limited, &mut vec![reply("On.", &[("a", json!({}))])], |_| {});
    assert_eq!(log.last().unwrap(), "Finish(MaxSteps)");
}

/// Carries `run` out with the replies of `script` and a tool that always answers, until the
/// script is at its end; `between` is called between any two entries. Returns the actions.
fn perform(
    run: &mut Run,
    rules: &Rules<'_>,
    script: &mut Vec<ChatResponse>,
    between: impl Fn(&mut Run),
) -> Vec<String> {
    let mut actions = Vec::new();
    loop {
        between(run);
        let action = run.next_action(rules).unwrap();
        actions.push(format!("{action:?}"));
        let entries: Vec<Entry> = match action {
            Action::StartStep(_) if script.is_empty() => return actions,
            Action::StartStep(plan) => vec![Entry::StepStarted(plan)],
            Action::CallModel(request) => {
                // A model that is done holds no request, or the history would have to be copied.
                drop(request);
                answered(script.remove(0))
            }
            Action::Decide(calls) => calls.iter().map(|call| decided(call)).collect(),
            // The last of a batch finishes first.
            Action::ExecuteTools(batch) => {
                let starts = batch.iter().map(|it| started(&it.call));
                let ends = |it: &ReadyCall| {
                    waited(&it.call).into_iter().chain([executed(&it.call)]).collect::<Vec<_>>()
                };
                starts.chain(batch.iter().rev().flat_map(ends)).collect()
            }
            Action::Recover(_)
            | Action::Summarise(_)
            | Action::RefuseAnswer(_)
            | Action::Finish(_) => return actions,
        };
        for entry in entries {
            between(run);
            run.apply(entry).unwrap();
        }
    }
}

/// By the length of its text: a reply comes at once, or after one that broke off, or after
/// the history was too long.
fn answered(response: ChatResponse) -> Vec<Entry> {
    let before = match response.content_text().map_or(0, str::len) % 3 {
        1 => {
            let (error, usage) = ("cut".to_owned(), Some(Box::new(Usage::new(3, 1))));
            vec![Entry::ReplyBrokeOff { attempt: 1, error, usage }]
        }
        2 => vec![Entry::HistoryShortened(vec![ChatMessage::user("in short")])],
        _ => vec![],
    };
    let asked = before.into_iter().chain([Entry::ModelReplied(response.into())]);
    asked.flat_map(|outcome| [Entry::ModelAsked, outcome]).collect()
}

/// By its id: a call is denied, left to the caller, executed with other arguments, or as it is.
fn decided(call: &ToolCall) -> Entry {
    let denied = ToolResult::unexecuted(call, ToolStatus::Denied, "No.");
    let decision = match &*call.id {
        "denied" => return Entry::CallFinished(Arc::new(denied)),
        "left" => Decision::Leave,
        "modified" => Decision::Execute { modified_arguments: Some(json!({ "n": 0.1 })) },
        _ => Decision::Execute { modified_arguments: None },
    };
    Entry::CallDecided { call_id: call.id.clone(), decision }
}

/// By its id: a call is of an agent that waits for a decision before it goes on, or of none.
fn waited(call: &ToolCall) -> Vec<Entry> {
    if call.id != "b" {
        return vec![];
    }
    let (call_id, run) = (call.id.clone(), Box::new(SuspendedRun::new(begun())));
    let resumed = Entry::CallResumed { call_id: call_id.clone(), decisions: vec![] };
    vec![Entry::CallSuspended { call_id, run }, resumed, started(call)]
}

fn through_json(run: &mut Run) {
    let text = serde_json::to_string(run).unwrap();
    let back: Run = serde_json::from_str(&text).unwrap();
    assert_eq!(back, *run, "nothing is lost in JSON");
    *run = back;
}

fn arguments() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let object = vec(("[a-z]{0,3}", leaf), 0..3);
    prop_oneof![
        4 => object.prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        1 => ".{0,8}".prop_map(Value::String),
    ]
}

fn scripts() -> impl Strategy<Value = Vec<ChatResponse>> {
    const IDS: [&str; 4] = ["a", "b", "denied", "modified"];
    let calls =
        (proptest::sample::subsequence(&IDS[..], 0..=4), any::<[u8; 1]>(), vec(arguments(), 5));
    let reply = (".{0,6}", calls).prop_map(|(text, (mut ids, [odds], arguments))| {
        if odds < 20 {
            ids.push("left");
        }
        let calls: Vec<_> = ids.into_iter().zip(arguments).collect();
        let mut response = reply(&text, &calls);
        response.finish_reason = FinishReason::Other(text);
        response.usage = (odds % 2 == 0).then(|| Usage::new(odds.into(), 1));
        response
    });
    vec(reply, 1..5)
}

fn limits() -> impl Strategy<Value = Limits> {
    let usage = (proptest::option::of(1..400_u64), proptest::option::of(1..6_usize)).prop_map(
        |(total_tokens, requests)| UsageLimits { total_tokens, requests, ..Default::default() },
    );
    let at_limit = select(&[AtLimit::Stop, AtLimit::Answer][..]);
    let loop_guard = select(&[LoopGuard::Off, LoopGuard::Stop { times: 2 }][..]);
    (usage, at_limit, 0..3_usize, loop_guard).prop_map(
        |(usage, at_limit, max_invalid_calls, loop_guard)| Limits {
            usage,
            at_limit,
            max_invalid_calls,
            loop_guard,
        },
    )
}

#[test]
fn a_call_is_mended_once() {
    let [_, _, _, mut deciding, ..] = in_every_state();
    let mended = ToolCall { id: "a".into(), name: "look".into(), arguments: json!({ "n": 1 }) };
    let entry = Entry::CallMended(Arc::new(mended));
    deciding.apply(entry.clone()).unwrap();
    let once = deciding.clone();
    assert_eq!(deciding.apply(entry).unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert_eq!(deciding, once);
}

#[test]
fn a_batch_that_was_held_back_in_part_is_held_back_whole_by_a_run_that_is_resumed() {
    let tools = toolbox();
    let usage = UsageLimits { tool_calls: Some(1), ..Default::default() };
    let limited = Rules { limits: Limits { usage, ..Limits::default() }, ..rules(&tools) };
    let mut run = begun();
    run.apply(Entry::StepStarted(StepPlan::default())).unwrap();
    run.apply(Entry::ModelAsked).unwrap();
    let response = reply("", &[("a", json!({})), ("b", json!({}))]);
    let call = Arc::clone(&response.tool_calls[0]);
    run.apply(Entry::ModelReplied(response.into())).unwrap();
    let told = run.overshot(&limited, 2).unwrap();
    run.apply(Entry::CallFinished(Arc::new(limits::skipped(&call, &told)))).unwrap();
    through_json(&mut run);
    assert_eq!(run.overshot(&limited, 1), Some(told), "the other one fits, but comes too late");
}

#[test]
fn time_is_told_with_entries_and_a_resumed_run_goes_on_from_where_it_was() {
    let seconds = Duration::from_secs;
    let mut run = begun();
    run.apply_at(seconds(2), Entry::StepStarted(StepPlan::default())).unwrap();
    run.apply_at(seconds(2), Entry::ModelAsked).unwrap();
    let finished = run.apply_at(seconds(5), Entry::ModelReplied(reply("Hm.", &[]).into())).unwrap();
    assert_eq!(finished.unwrap().duration, seconds(3));
    through_json(&mut run);
    assert_eq!(run.elapsed(), seconds(5));
    let refused = run.apply_at(seconds(9), Entry::ModelReplied(reply("Hm.", &[]).into()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert_eq!(run.elapsed(), seconds(5), "what can't happen tells no time");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_run_serialises_between_any_two_entries_and_goes_on_alike(
        script in scripts(),
        choice in select(&[None, Some(ToolChoice::Required)][..]),
        limits in limits(),
    ) {
        let (tools, condition) = (toolbox(), step_count_is(4));
        let stop: &[&dyn StopCondition] = &[&*condition];
        let rules = Rules { stop, tool_choice: choice.as_ref(), limits, ..rules(&tools) };
        let (mut straight, mut serialised) = (begun(), begun());
        let expected = perform(&mut straight, &rules, &mut script.clone(), |_| {});
        let actions = perform(&mut serialised, &rules, &mut script.clone(), through_json);
        assert_eq!(actions, expected);
        assert_eq!(serialised, straight);
    }
}
