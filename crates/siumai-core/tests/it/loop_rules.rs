//! The loop: what a step is, when a run ends, and what rules a step.
use std::sync::Arc;

use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError,
    orchestrator::{
        OrchestratorOptions, PrepareStep, PrepareStepContext, PrepareStepResult, StepResult,
        StopCondition, StoppedBy, ToolApproval, all_of, any_of, custom_condition,
        has_text_response, has_tool_call, step_count_is,
    },
    system,
    testing::{RecordingResolver, Reply, ScriptedModel},
    types::{ChatMessage, FinishReason, Settings, ToolChoice, ToolResult, Usage},
    user,
};

use crate::fixtures::{Notes, Played, Scene, Sent, call, calling, echo, play, script, tool};

/// A model that calls `look` again and again, far longer than a test wants.
fn restless() -> ScriptedModel {
    (0..200).fold(script(), |script, n| script.calls("look", json!({ "n": n })))
}

fn prepared(prepare_step: PrepareStep) -> OrchestratorOptions {
    OrchestratorOptions { prepare_step: Some(prepare_step), ..Default::default() }
}

/// Of each request, what was sent about tools.
fn choices(played: &Played) -> Vec<(Vec<String>, Option<ToolChoice>)> {
    played.requests.iter().map(|it| (it.tools.clone(), it.tool_choice.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn l1_a_step_is_one_reply_and_the_execution_of_its_tools() {
    let played = play(|_| {
        let model = script()
            .then(Reply::text("Both.").call("look", json!({})).call("hear", json!({})))
            .reply("Done.");
        Scene::new(model).echoing(["look", "hear"])
    })
    .await;

    let (look, hear) = (call("call_1", "look", json!({})), call("call_2", "hear", json!({})));
    let results = [
        ChatMessage::tool(ToolResult::executed(&look, json!("look"))),
        ChatMessage::tool(ToolResult::executed(&hear, json!("hear"))),
    ];
    let [first, second] = played.steps() else { panic!("{:#?}", played.steps()) };
    assert_eq!(first.text(), Some("Both."));
    assert_eq!(first.tool_calls, [look, hear]);
    assert_eq!(first.messages[1..], results);
    assert_eq!(second.messages, [ChatMessage::assistant("Done.")]);
    assert_eq!((first.step_number, second.step_number), (0, 1));
    let whole = [&[user!("go")], &first.messages[..], &second.messages[..]].concat();
    assert_eq!(played.messages(), whole);
}

#[tokio::test(start_paused = true)]
async fn l1_each_condition_is_asked_once_a_step_in_order_even_when_an_earlier_one_held() {
    fn noting(notes: &Notes, name: &'static str, holds_at: usize) -> Box<dyn StopCondition> {
        let notes = notes.clone();
        custom_condition(move |steps| {
            let results: usize = steps.iter().map(|step| step.tool_results.len()).sum();
            notes.add(format!("{name}: {} steps, {results} results", steps.len()));
            steps.len() >= holds_at
        })
    }
    let played = play(|notes| {
        Scene::new(restless())
            .echoing(["look"])
            .stop(noting(notes, "never", usize::MAX))
            .stop(noting(notes, "second", 2))
            .stop(noting(notes, "also second", 2))
    })
    .await;

    assert_eq!(played.output().stopped_by, stopped_by_condition(1));
    let expected = [
        "never: 1 steps, 1 results",
        "second: 1 steps, 1 results",
        "also second: 1 steps, 1 results",
        "never: 2 steps, 2 results",
        "second: 2 steps, 2 results",
        "also second: 2 steps, 2 results",
    ];
    assert_eq!(played.notes, expected);
}

#[tokio::test(start_paused = true)]
async fn l1_conditions_are_asked_of_an_answer_and_of_a_step_left_pending_too() {
    let asked = |scene: fn() -> Scene| {
        play(move |notes| {
            let notes = notes.clone();
            scene().stop(custom_condition(move |steps| {
                notes.add(format!("asked at {}", steps.len()));
                true
            }))
        })
    };
    let answered = asked(|| Scene::new(script().reply("Done."))).await;
    assert_eq!(answered.output().stopped_by, StoppedBy::Answer);
    assert_eq!(answered.notes, ["asked at 1"]);

    let left = asked(|| Scene::new(restless()).tools([tool("look")])).await;
    assert_eq!(left.output().stopped_by, StoppedBy::ToolCallsPending);
    assert_eq!(left.notes, ["asked at 1"]);
}

#[tokio::test(start_paused = true)]
async fn l2_a_reply_without_tool_calls_ends_the_run() {
    let played = play(|_| Scene::new(script().reply("Done.").reply("Never.")).echoing(["look"]));
    let played = played.await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    assert_eq!(played.output().response.content_text(), Some("Done."));
    assert_eq!(played.requests.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn l2_an_answer_is_no_condition_even_where_one_holds() {
    let played = play(|_| Scene::new(script().reply("Done.")).stop(step_count_is(1))).await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn l2_a_paused_turn_is_no_answer_and_is_sent_back() {
    let played = play(|_| {
        let paused = Reply::text("Searching").finish_reason(FinishReason::Paused);
        Scene::new(script().then(paused).reply("Found.")).stop(has_text_response())
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    let sent = [user!("go"), ChatMessage::assistant("Searching")];
    assert_eq!(played.requests[1].messages, sent);
    assert_eq!(played.steps().len(), 2);
}

#[test]
fn l3_step_count_is_holds_at_n_or_more() {
    let steps = vec![StepResult::default(); 3];
    let held: Vec<_> = (0..=3).map(|n| step_count_is(2).should_stop(&steps[..n])).collect();
    assert_eq!(held, [false, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn l3_has_tool_call_looks_at_the_last_step_and_counts_valid_calls_only() {
    let played = play(|_| {
        let model = script()
            .calls("done", json!({ "n": "not a number" }))
            .calls("look", json!({}))
            .calls("done", json!({ "n": 1 }))
            .reply("Never.");
        Scene::new(model).echoing(["look", "done"]).stop(has_tool_call("done"))
    })
    .await;
    assert_eq!(played.output().stopped_by, stopped_by_condition(0));
    let held: Vec<_> =
        (0..=3).map(|n| has_tool_call("done").should_stop(&played.steps()[..n])).collect();
    assert_eq!(held, [false, false, false, true]);
    let earlier = has_tool_call("look").should_stop(played.steps());
    assert!(!earlier, "`look` was called before the last step");
}

#[tokio::test(start_paused = true)]
async fn l3_has_text_response_holds_when_the_last_step_has_text_and_no_tool_call() {
    let holds = |reply: fn() -> Reply| async move {
        let played = play(|_| {
            let scene = Scene::new(script().then(reply()).reply("Done.")).echoing(["look"]);
            scene.stop(step_count_is(1))
        });
        has_text_response().should_stop(played.await.steps())
    };
    assert!(holds(|| Reply::text("Hello.")).await);
    assert!(!holds(|| Reply::text("Hello.").call("look", json!({}))).await);
    assert!(!holds(Reply::empty).await);
    assert!(!holds(|| Reply::empty().reasoning("Hm.")).await);
    assert!(!has_text_response().should_stop(&[]));
}

#[test]
fn l3_any_of_none_is_false_and_so_is_all_of_none() {
    let steps = [StepResult::default()];
    assert!(!any_of(vec![]).should_stop(&steps));
    assert!(!all_of(vec![]).should_stop(&steps));
}

#[test]
fn l3_combinators_ask_every_condition_they_hold() {
    type Combine = fn(Vec<Box<dyn StopCondition>>) -> Box<dyn StopCondition>;
    let held = |combine: Combine, answers: [bool; 2]| {
        let notes = Notes::default();
        let conditions = answers.map(|answer| {
            let notes = notes.clone();
            custom_condition(move |_| {
                notes.add(answer.to_string());
                answer
            })
        });
        let held = combine(conditions.into()).should_stop(&[]);
        assert_eq!(notes.all(), answers.map(|it| it.to_string()), "each is asked, in order");
        held
    };
    let all = [[true, true], [true, false], [false, true], [false, false]];
    assert_eq!(all.map(|answers| held(any_of, answers)), [true, true, true, false]);
    assert_eq!(all.map(|answers| held(all_of, answers)), [true, false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn l4_max_steps_applies_also_where_conditions_were_given() {
    let played = play(|_| {
        let options = OrchestratorOptions { max_steps: 3, ..Default::default() };
        Scene::new(restless()).echoing(["look"]).stop(step_count_is(50)).options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
    assert_eq!((played.steps().len(), played.requests.len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn l4_a_run_has_at_most_a_hundred_steps_by_default() {
    let played = play(|_| Scene::new(restless()).echoing(["look"])).await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
    assert_eq!(played.steps().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn l4_a_condition_that_holds_at_the_limit_is_what_ended_the_run() {
    let played = play(|_| {
        let options = OrchestratorOptions { max_steps: 2, ..Default::default() };
        Scene::new(restless()).echoing(["look"]).stop(step_count_is(2)).options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, stopped_by_condition(0));
}

#[tokio::test(start_paused = true)]
async fn l4_a_limit_of_zero_is_an_error_that_names_it() {
    let limited = |options: fn() -> OrchestratorOptions| async move {
        let played = play(|_| Scene::new(restless()).options(options())).await;
        assert!(played.requests.is_empty());
        assert_eq!(played.messages(), [user!("go")], "nothing is lost");
        (played.failed().kind, played.failed().text.clone())
    };
    let steps = limited(|| OrchestratorOptions { max_steps: 0, ..Default::default() }).await;
    let tools = limited(|| OrchestratorOptions { max_parallel_tools: 0, ..Default::default() });
    let text = |name| format!("{name} is 0, so nothing could ever run; give it at least 1");
    assert_eq!(steps, (ErrorKind::InvalidInput, text("max_steps")));
    assert_eq!(tools.await, (ErrorKind::InvalidInput, text("max_parallel_tools")));
}

#[tokio::test(start_paused = true)]
async fn l6_prepare_step_rules_one_step_alone_and_the_history_stays_whole() {
    let played = play(|_| {
        let prepare = |ctx: PrepareStepContext<'_>| match ctx.step_number {
            1 => PrepareStepResult {
                tool_choice: Some(ToolChoice::None),
                active_tools: Some(vec!["hear".into()]),
                system: Some("Step two.".into()),
                messages: Some(vec![user!("only this")]),
            },
            _ => PrepareStepResult::default(),
        };
        let model = script().calls("look", json!({})).calls("hear", json!({})).reply("Done.");
        Scene::new(model)
            .messages(vec![system!("Be brief."), system!("Be kind."), user!("go")])
            .echoing(["look", "hear"])
            .options(prepared(Arc::new(prepare)))
    })
    .await;

    let [first, second, third] = &played.requests[..] else { panic!() };
    assert_eq!(first.system, [system!("Be brief."), system!("Be kind.")]);
    assert_eq!(second.system, [system!("Step two.")], "it replaces, it is not added");
    assert_eq!(second.messages, [user!("only this")]);
    assert_eq!(third.system, first.system);
    let whole = [&[user!("go")], &played.steps()[0].messages[..], &played.steps()[1].messages[..]];
    assert_eq!(third.messages, whole.concat());
    let both = vec!["look".to_owned(), "hear".to_owned()];
    let expected =
        [(both.clone(), None), (vec!["hear".into()], Some(ToolChoice::None)), (both, None)];
    assert_eq!(choices(&played), expected);
    assert_eq!(played.messages()[..3], [system!("Be brief."), system!("Be kind."), user!("go")]);
}

#[tokio::test(start_paused = true)]
async fn l6_the_settings_of_the_run_hold_in_every_step() {
    let settings = || Settings { temperature: Some(0.2), seed: Some(7), ..Default::default() };
    let played = play(|_| {
        let options = OrchestratorOptions { settings: settings(), ..Default::default() };
        let scene = Scene::new(script().calls("look", json!({})).reply("Done."));
        scene.echoing(["look"]).options(options)
    })
    .await;
    let sent: Vec<_> = played.requests.into_iter().map(|it| it.settings).collect();
    assert_eq!(sent, [settings(), settings()]);
}

#[tokio::test(start_paused = true)]
async fn l6_prepare_step_sees_what_came_before_its_step() {
    let played = play(|notes| {
        let notes = notes.clone();
        let prepare = move |ctx: PrepareStepContext<'_>| {
            let (steps, messages) = (ctx.steps.len(), ctx.messages.len());
            notes.add(format!("{}: {steps} steps, {messages} messages", ctx.step_number));
            PrepareStepResult::default()
        };
        let scene = Scene::new(script().calls("look", json!({})).reply("Done."));
        let scene = scene.messages(vec![system!("Be brief."), user!("go")]);
        scene.echoing(["look"]).options(prepared(Arc::new(prepare)))
    })
    .await;
    assert_eq!(played.notes, ["0: 0 steps, 1 messages", "1: 1 steps, 3 messages"]);
}

#[tokio::test(start_paused = true)]
async fn l6_one_system_message_takes_the_place_of_another() {
    let sent = |wish: fn() -> PrepareStepResult| async move {
        let played = play(|_| {
            let scene = Scene::new(script().reply("Done."));
            let scene = scene.messages(vec![system!("The run's."), user!("go")]);
            scene.options(prepared(Arc::new(move |_: PrepareStepContext<'_>| wish())))
        })
        .await;
        let Sent { system, messages, .. } = played.requests[0].clone();
        (system, messages)
    };
    fn messages() -> Option<Vec<ChatMessage>> {
        Some(vec![system!("The messages'."), user!("this")])
    }
    assert_eq!(
        sent(|| PrepareStepResult { system: Some("The step's.".into()), ..Default::default() })
            .await,
        (vec![system!("The step's.")], vec![user!("go")])
    );
    assert_eq!(
        sent(|| PrepareStepResult { messages: messages(), ..Default::default() }).await,
        (vec![system!("The messages'.")], vec![user!("this")])
    );
    assert_eq!(
        sent(|| PrepareStepResult {
            system: Some("The step's.".into()),
            messages: messages(),
            ..Default::default()
        })
        .await,
        (vec![system!("The step's.")], vec![user!("this")])
    );
}

#[tokio::test(start_paused = true)]
async fn l6_what_prepare_step_wants_and_cannot_be_is_an_error_that_names_it() {
    let error = |wish: fn() -> PrepareStepResult| async move {
        let played = play(|_| {
            let prepare = move |ctx: PrepareStepContext<'_>| match ctx.step_number {
                0 => PrepareStepResult::default(),
                _ => wish(),
            };
            let scene = Scene::new(script().calls("look", json!({})).reply("Never."));
            scene.echoing(["look"]).options(prepared(Arc::new(prepare)))
        })
        .await;
        assert_eq!(played.failed().kind, ErrorKind::InvalidInput);
        assert_eq!(played.steps().len(), 1, "what was done is kept");
        played.failed().text.replace(" (1 step was finished)", "")
    };
    assert_eq!(
        error(|| PrepareStepResult {
            active_tools: Some(vec!["loook".into()]),
            ..Default::default()
        })
        .await,
        "active_tools names `loook`, which is not on offer (`look`); did you mean `look`?"
    );
    assert_eq!(
        error(|| PrepareStepResult {
            tool_choice: Some(ToolChoice::Specific { tool_name: "sing".into() }),
            ..Default::default()
        })
        .await,
        "tool_choice forces `sing`, which is not on offer (`look`)"
    );
    assert_eq!(
        error(|| PrepareStepResult {
            tool_choice: Some(ToolChoice::Required),
            active_tools: Some(vec![]),
            ..Default::default()
        })
        .await,
        "tool_choice requires a tool call, but no tools are on offer; offer some or choose `Auto`"
    );
    assert_eq!(
        error(|| PrepareStepResult { messages: Some(vec![]), ..Default::default() }).await,
        "prepare_step gave no messages; give at least one, or `None` for the history"
    );
}

#[tokio::test(start_paused = true)]
async fn l7_a_forced_choice_of_the_run_goes_back_to_auto_after_it_was_obeyed() {
    let forced = |choice: fn() -> ToolChoice| async move {
        let played = play(|_| {
            let model = script()
                .calls("look", json!({ "n": "no number" }))
                .calls("look", json!({}))
                .calls("look", json!({}))
                .reply("Done.");
            let options = OrchestratorOptions { tool_choice: Some(choice()), ..Default::default() };
            Scene::new(model).echoing(["look"]).options(options)
        })
        .await;
        played.requests.into_iter().map(|it| it.tool_choice.unwrap()).collect::<Vec<_>>()
    };
    let specific = || ToolChoice::Specific { tool_name: "look".into() };
    let auto = ToolChoice::Auto;
    assert_eq!(
        forced(|| ToolChoice::Required).await,
        [ToolChoice::Required, ToolChoice::Required, auto.clone(), auto.clone()],
        "an invalid call does not obey it"
    );
    let expected = [specific(), specific(), auto.clone(), auto];
    assert_eq!(forced(|| ToolChoice::Specific { tool_name: "look".into() }).await, expected);
    assert_eq!(forced(|| ToolChoice::None).await, [const { ToolChoice::None }; 4]);
}

#[tokio::test(start_paused = true)]
async fn l7_a_call_of_another_tool_does_not_obey_a_choice_of_one() {
    let specific = || ToolChoice::Specific { tool_name: "look".into() };
    let played = play(|_| {
        let model = script().calls("hear", json!({})).calls("look", json!({})).reply("Done.");
        let options = OrchestratorOptions { tool_choice: Some(specific()), ..Default::default() };
        Scene::new(model).echoing(["look", "hear"]).options(options)
    })
    .await;
    let choices: Vec<_> = played.requests.into_iter().filter_map(|it| it.tool_choice).collect();
    assert_eq!(choices, [specific(), specific(), ToolChoice::Auto]);
}

#[tokio::test(start_paused = true)]
async fn l7_a_forced_choice_of_prepare_step_is_obeyed_each_time() {
    let played = play(|_| {
        let prepare = |_: PrepareStepContext<'_>| PrepareStepResult {
            tool_choice: Some(ToolChoice::Required),
            ..Default::default()
        };
        let options = OrchestratorOptions { max_steps: 3, ..prepared(Arc::new(prepare)) };
        Scene::new(restless()).echoing(["look"]).options(options)
    })
    .await;
    let choices: Vec<_> = played.requests.into_iter().map(|it| it.tool_choice).collect();
    assert_eq!(choices, [const { Some(ToolChoice::Required) }; 3]);
}

#[tokio::test(start_paused = true)]
async fn l7_a_choice_of_prepare_step_goes_before_the_runs_which_waits_until_it_is_obeyed() {
    let played = play(|_| {
        let prepare = |ctx: PrepareStepContext<'_>| PrepareStepResult {
            tool_choice: (ctx.step_number == 0).then_some(ToolChoice::Auto),
            ..Default::default()
        };
        let model = script().calls("hear", json!({})).calls("look", json!({})).reply("Done.");
        let options = OrchestratorOptions {
            tool_choice: Some(ToolChoice::Specific { tool_name: "look".into() }),
            ..prepared(Arc::new(prepare))
        };
        Scene::new(model).echoing(["look", "hear"]).options(options)
    })
    .await;
    let specific = ToolChoice::Specific { tool_name: "look".into() };
    let choices: Vec<_> = played.requests.into_iter().filter_map(|it| it.tool_choice).collect();
    assert_eq!(choices, [ToolChoice::Auto, specific, ToolChoice::Auto]);
}

#[tokio::test(start_paused = true)]
async fn l7_without_tools_nothing_is_said_about_a_choice() {
    let played = play(|_| {
        let options =
            OrchestratorOptions { tool_choice: Some(ToolChoice::Auto), ..Default::default() };
        Scene::new(script().reply("Done.")).options(options)
    })
    .await;
    assert_eq!(choices(&played), [(vec![], None)]);
}

#[tokio::test(start_paused = true)]
async fn l8_an_error_gives_back_what_was_done() {
    let played = play(|_| {
        let model = script()
            .then(Reply::empty().call("look", json!({})).usage(Usage::new(7, 3)))
            .fails(LlmError::new(ErrorKind::Server, "the provider is down").with_status(503));
        Scene::new(model).echoing(["look"])
    })
    .await;
    let failed = played.failed();
    assert_eq!(failed.kind, ErrorKind::Server);
    assert_eq!(failed.text, "the provider is down (status 503) (1 step was finished)");
    assert_eq!(failed.steps.len(), 1);
    assert_eq!(failed.usage.total_tokens, 10);
    let look = call("call_1", "look", json!({}));
    let result = ChatMessage::tool(ToolResult::executed(&look, json!("look")));
    assert_eq!(failed.messages, [user!("go"), calling([&look]), result]);
}

#[tokio::test(start_paused = true)]
async fn l8_a_limit_gives_back_what_was_done() {
    let played = play(|_| {
        let options = OrchestratorOptions { max_steps: 1, ..Default::default() };
        Scene::new(restless()).echoing(["look"]).options(options)
    })
    .await;
    let output = played.output();
    assert_eq!(output.steps.len(), 1);
    assert_eq!(output.messages, [&[user!("go")], &output.steps[0].messages[..]].concat());
    assert_eq!(output.response.message, output.steps[0].messages[0]);
}

#[tokio::test(start_paused = true)]
async fn l8_a_run_that_cannot_begin_gives_its_messages_back() {
    let two = play(|_| Scene::new(restless()).tools([tool("look"), tool("look")])).await;
    assert_eq!(two.failed().text, "two tools are named `look`; rename one");
    assert_eq!(two.messages(), [user!("go")]);

    let none = play(|_| Scene::new(restless()).messages(vec![])).await;
    assert_eq!(none.failed().text, "there are no messages; pass at least one");
    assert_eq!(none.failed().kind, ErrorKind::InvalidInput);
}

#[tokio::test(start_paused = true)]
async fn l8_a_panic_of_what_the_caller_gave_is_an_error_that_keeps_what_was_done() {
    fn calm(notes: &Notes) -> Scene {
        let notes = notes.clone();
        let on_finish = move |_: &[StepResult]| notes.add("finished");
        let options =
            OrchestratorOptions { on_finish: Some(Arc::new(on_finish)), ..Default::default() };
        Scene::new(script().calls("look", json!({})).reply("Never."))
            .echoing(["look"])
            .options(options)
    }
    let condition =
        play(|notes| calm(notes).stop(custom_condition(|_| panic!("which way?")))).await;
    assert_eq!(condition.failed().kind, ErrorKind::Panicked);
    assert_eq!(
        condition.failed().text,
        "a panic ended the run: which way?; look for it in the model, the stop conditions and prepare_step (1 step was finished)"
    );
    assert_eq!(condition.steps().len(), 1);
    assert!(condition.notes.is_empty());

    let prepare = play(|notes| {
        let prepare = |ctx: PrepareStepContext<'_>| {
            assert_eq!(ctx.step_number, 0, "only one step was planned");
            PrepareStepResult::default()
        };
        calm(notes).options(prepared(Arc::new(prepare)))
    })
    .await;
    assert_eq!(prepare.failed().kind, ErrorKind::Panicked);
    assert_eq!(prepare.steps().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn l9_without_a_resolver_the_run_ends_with_its_calls_pending() {
    let played = play(|_| {
        let model = script().then(Reply::empty().call("look", json!({})).call("sing", json!({})));
        Scene::new(model).tools([tool("look")])
    })
    .await;
    let output = played.output();
    assert_eq!(output.stopped_by, StoppedBy::ToolCallsPending);
    assert_eq!(output.pending, [call("call_1", "look", json!({}))], "`sing` does not exist");
    assert_eq!(played.told(0).iter().map(|it| it.0).collect::<Vec<_>>(), ["invalid"]);
}

#[tokio::test(start_paused = true)]
async fn l9_a_tool_without_a_resolver_is_left_to_the_caller_who_answers_it_and_goes_on() {
    let model = || script().then(Reply::empty().call("look", json!({})).call("ask", json!({})));
    let played =
        play(|_| Scene::new(model()).tools([tool("look"), tool("ask")]).resolver(echo(&["look"])))
            .await;
    let output = played.output();
    let ask = call("call_2", "ask", json!({}));
    assert_eq!(output.stopped_by, StoppedBy::ToolCallsPending);
    assert_eq!(output.pending, [Arc::clone(&ask)]);
    assert_eq!(played.told(0), [("executed", "look".to_owned())]);

    let answer = ChatMessage::tool(ToolResult::executed(&ask, json!("yes")));
    let messages = [&output.messages[..], &[answer]].concat();
    let on = play(|_| Scene::new(script().reply("Done.")).messages(messages.clone())).await;
    assert_eq!(on.output().stopped_by, StoppedBy::Answer);
    assert_eq!(on.output().warnings, []);
    assert_eq!(on.requests[0].messages, messages);
}

#[tokio::test(start_paused = true)]
async fn l9_nobody_is_asked_to_approve_a_call_that_is_left_to_the_caller() {
    let played = play(|notes| {
        let notes = notes.clone();
        let options = OrchestratorOptions {
            on_tool_approval: Some(Arc::new(move |name, arguments| {
                notes.add(name);
                ToolApproval::Approve(arguments.clone())
            })),
            ..Default::default()
        };
        Scene::new(restless())
            .tools([tool("look")])
            .resolver(RecordingResolver::new())
            .options(options)
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::ToolCallsPending);
    assert!(played.notes.is_empty());
}

fn stopped_by_condition(index: usize) -> StoppedBy {
    serde_json::from_value(json!({ "condition": { "index": index } })).unwrap()
}
