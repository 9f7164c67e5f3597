//! Answers of a shape: natively or by a tool, refused, tried again, seen as they grow.
use std::sync::Arc;

use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    journal::MemoryJournal,
    model::{LanguageModel, layers::Fallback},
    orchestrator::{
        AnswerEvent, AnswerSchema, AtLimit, OrchestratorOptions, PrepareStepResult, RunError,
        StoppedBy, StreamEvent, Structured, ToolApproval, ToolLoopAgent, generate_as,
        has_tool_call, run, step_count_is, stream_as,
    },
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::ToolSet,
    types::{ResponseFormat, Tool, ToolChoice, ToolStatus, Usage},
    user,
};

use crate::fixtures::{Played, Scene, assert_answered_once, play, prepared, script, tool};

#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
struct Bird {
    species: String,
    count: u32,
}

fn schema() -> AnswerSchema {
    AnswerSchema::of::<Bird>().unwrap()
}

fn options() -> OrchestratorOptions {
    OrchestratorOptions { answer: Some(schema()), ..Default::default() }
}

fn heron() -> Value {
    json!({ "species": "heron", "count": 3 })
}

fn native() -> ScriptedModel {
    script().taking_schemas()
}

fn answer(played: &Played) -> Value {
    schema().read(played.steps()).unwrap()
}

fn looking(model: ScriptedModel) -> Scene {
    Scene::new(model).options(options()).echoing(["look"])
}

fn specific() -> ToolChoice {
    ToolChoice::Specific { tool_name: "final_answer".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_takes_schemas_is_given_the_schema_and_no_tool() {
    let played =
        play(|_| looking(native().calls("look", json!({})).reply(heron().to_string()))).await;
    assert_eq!(answer(&played), heron());
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    for sent in &played.requests {
        assert_eq!(sent.tools, ["look"]);
        let Some(ResponseFormat::JsonSchema { name, strict: true, .. }) =
            &sent.settings.response_format
        else {
            panic!("{:?}", sent.settings)
        };
        assert_eq!(name, "Bird");
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_answers_by_a_tool_that_nobody_executes() {
    let played =
        play(|_| looking(script().calls("look", json!({})).calls("final_answer", heron()))).await;
    assert_eq!(answer(&played), heron());
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
    assert_eq!(played.calls, [("look".to_owned(), json!({}))]);
    assert_eq!(played.told(1), [("executed", "The answer was taken.".to_owned())]);
    assert_answered_once(played.messages());
    for sent in &played.requests {
        assert_eq!(sent.tools, ["look", "final_answer"]);
        assert_eq!((&sent.tool_choice, &sent.settings.response_format), (&None, &None));
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_beside_the_answer_in_a_reply_is_executed_first() {
    let reply = || Reply::empty().call("final_answer", heron()).call("look", json!({}));
    let played = play(|_| looking(script().then(reply()))).await;
    assert_eq!((answer(&played), played.calls.len()), (heron(), 1));
    assert_eq!(played.steps().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_other_tool_the_answer_is_forced() {
    let played =
        play(|_| Scene::new(script().calls("final_answer", heron())).options(options())).await;
    assert_eq!(played.requests[0].tool_choice, Some(specific()));
    assert_eq!(answer(&played), heron());
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_words_that_fits_is_taken_and_another_is_asked_for_by_the_tool() {
    let played = play(|_| looking(script().reply(heron().to_string()))).await;
    assert_eq!((answer(&played), played.steps().len()), (heron(), 1));

    let played =
        play(|_| looking(script().reply("Three herons.").calls("final_answer", heron()))).await;
    assert_eq!((answer(&played), played.steps().len()), (heron(), 2));
    let told = played.requests[1].messages.last().unwrap().text().unwrap().to_owned();
    assert_eq!(
        told,
        "Your answer was not taken: it is not JSON (expected value at line 1 column 1). \
         Give your answer by a call of `final_answer`."
    );
    assert_eq!(played.requests[1].tool_choice, Some(specific()));
    assert!(played.events.contains(
        &serde_json::from_value(json!({ "type": "answer_refused", "told": told })).unwrap()
    ));
}

#[tokio::test(start_paused = true)]
async fn a_native_answer_that_does_not_fit_is_told_and_tried_again() {
    let played = play(|_| {
        let wrong = json!({ "species": "heron", "count": "three" });
        let model =
            native().reply(wrong.to_string()).reply("{\"species\":").reply(heron().to_string());
        Scene::new(model).options(options())
    })
    .await;
    assert_eq!((answer(&played), played.steps().len()), (heron(), 3));
    let told = |at: usize| played.requests[at].messages.last().unwrap().text().unwrap().to_owned();
    assert_eq!(
        told(1),
        "Your answer was not taken: it does not fit the schema, at `/count`: want integer, but got string \
         (schema `/properties/count`). Answer again with one JSON object that fits the schema, and with nothing else."
    );
    assert!(told(2).starts_with("Your answer was not taken: it is not JSON (EOF"), "{}", told(2));
    assert_eq!(played.messages().len(), 6, "the run's history has what was refused");
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_tool_that_does_not_fit_is_told_and_tried_again() {
    let wrong = json!({ "species": "heron" });
    let played = play(|_| {
        looking(script().calls("final_answer", wrong.clone()).calls("final_answer", heron()))
    })
    .await;
    assert_eq!((answer(&played), played.steps().len()), (heron(), 2));
    assert_eq!(played.steps()[0].tool_results[0].status, ToolStatus::Invalid);
}

#[tokio::test(start_paused = true)]
async fn after_so_many_retries_the_run_fails_with_what_it_did() {
    let worded = |model: ScriptedModel| {
        (0..9).fold(model, |model, _| model.then(Reply::text("No.").usage(Usage::new(5, 1))))
    };
    let called = || (0..9).fold(script(), |model, _| model.calls("final_answer", json!({})));
    for retries in [0, 1, 2, 3] {
        let options = || OrchestratorOptions {
            answer: Some(schema().with_retries(retries)),
            max_invalid_calls: 100,
            ..Default::default()
        };
        for is_native in [true, false] {
            let model = || if is_native { native() } else { script() };
            let played = play(|_| Scene::new(worded(model())).options(options())).await;
            let failed = played.failed();
            assert_eq!((failed.kind, failed.steps.len()), (ErrorKind::InvalidAnswer, retries + 1));
            assert_eq!(failed.usage.total_tokens, 6 * (retries as u64 + 1));
        }
        let played = play(|_| Scene::new(called()).options(options())).await;
        let failed = played.failed();
        assert_eq!((failed.kind, failed.steps.len()), (ErrorKind::InvalidAnswer, retries + 1));
        assert!(failed.text.contains("missing properties"), "{}", failed.text);
        assert_answered_once(&failed.messages);
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_has_the_last_text() {
    let model = native().reply("First.").reply("Second.").reply("Third.");
    let failed = generate_as::<Bird>(
        &model,
        vec![user!("go")],
        None,
        None,
        &[],
        OrchestratorOptions::default(),
    )
    .await
    .unwrap_err();
    assert_eq!((failed.last_text(), failed.steps().len()), (Some("Third."), 3));
    assert!(failed.output().is_none(), "the run itself failed");
}

#[tokio::test(start_paused = true)]
async fn limits_and_conditions_hold_while_an_answer_is_sought() {
    let worded = || (0..9).fold(native(), |model, _| model.reply("No."));
    let limited = || OrchestratorOptions { max_steps: 2, ..options() };
    let played = play(|_| Scene::new(worded()).options(limited())).await;
    assert_eq!(played.output().stopped_by, StoppedBy::MaxSteps);
    let played = play(|_| Scene::new(worded()).options(options()).stop(step_count_is(1))).await;
    assert!(matches!(played.output().stopped_by, StoppedBy::Condition { index: 0, .. }));
    let played = play(|_| {
        Scene::new(native().reply(heron().to_string())).options(options()).stop(step_count_is(1))
    })
    .await;
    assert_eq!(played.output().stopped_by, StoppedBy::Answer);
}

#[tokio::test(start_paused = true)]
async fn the_last_step_at_a_limit_gives_the_answer() {
    let limited = || OrchestratorOptions { max_steps: 1, at_limit: AtLimit::Answer, ..options() };
    let played = play(|_| {
        let model = script().calls("look", json!({})).calls("final_answer", heron());
        looking(model).options(limited())
    })
    .await;
    assert_eq!((answer(&played), &played.output().stopped_by), (heron(), &StoppedBy::MaxSteps));
    assert_eq!(played.requests[1].tool_choice, Some(specific()));
}

#[tokio::test(start_paused = true)]
async fn a_step_without_the_other_tools_has_that_of_the_answer() {
    let played = play(|_| {
        let mut options = prepared(Arc::new(|_| PrepareStepResult {
            active_tools: Some(vec![]),
            ..Default::default()
        }));
        options.answer = Some(schema());
        looking(script().calls("final_answer", heron())).options(options)
    })
    .await;
    assert_eq!(
        (answer(&played), &*played.requests[0].tools),
        (heron(), &["final_answer".to_owned()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_to_approve_the_answer_and_no_limit_on_tools_holds_it() {
    let played = play(|_| {
        let mut options = options();
        options.limits.tool_calls = Some(0);
        options.on_tool_approval = Some(Arc::new(|name, _| {
            assert_ne!(name, "final_answer");
            ToolApproval::Deny { reason: "no".to_owned() }
        }));
        looking(script().calls("final_answer", heron())).options(options)
    })
    .await;
    assert_eq!(answer(&played), heron());
}

#[tokio::test(start_paused = true)]
async fn what_clashes_with_the_answer_is_refused_before_the_model_is_asked() {
    let run_with = async |tools: Vec<Tool>, options: OrchestratorOptions| {
        let model = script().reply("Hello.");
        let failed =
            run(&model, vec![user!("go")], Some(tools), None, &[], options).await.unwrap_err();
        assert_eq!((failed.kind(), model.remaining()), (ErrorKind::InvalidInput, 1));
        failed.error().message().to_owned()
    };
    assert_eq!(
        run_with(vec![tool("final_answer")], options()).await,
        "a tool is named `final_answer`, which is what a run's answer is given by; rename it"
    );
    let mut both = options();
    both.settings.response_format = Some(ResponseFormat::Json);
    assert_eq!(
        run_with(vec![], both).await,
        "both `answer` and `settings.response_format` give the answer a shape; leave one out"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_otherwise_is_in_the_error() {
    let set = ToolSet::new().tool(tool("pay").needs_approval(), |_, _| async { Ok(json!("paid")) });
    let model = script().calls("pay", json!({}));
    let agent = ToolLoopAgent::with_tools(model, set).with_options(OrchestratorOptions::default());
    let failed = agent.generate_as::<Bird>(vec![user!("go")]).await.unwrap_err();
    let output = failed.output().unwrap();
    assert_eq!(
        (failed.kind(), &output.stopped_by),
        (ErrorKind::InvalidAnswer, &StoppedBy::ApprovalPending)
    );
    assert!(output.suspended.is_some());
    assert_eq!(
        failed.to_string(),
        "the model gave no answer that fits: it called tools instead (1 step was finished)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_asked_natively_if_all_its_models_are() {
    let both = |first: ScriptedModel, second: ScriptedModel| Fallback::new(first).or(second);
    let takes = |model: &dyn LanguageModel| model.takes_answer_schema(&json!({}), &[]);
    assert!(takes(&both(native(), native())));
    assert!(!takes(&both(native(), script())));
    assert!(takes(&Arc::new(native())));
}

#[tokio::test(start_paused = true)]
async fn a_kept_run_is_resumed_with_its_answer_and_its_retries() {
    let journal = MemoryJournal::new();
    let model = |replies: &[&str]| replies.iter().fold(native(), ScriptedModel::reply);
    let live = async |model: &ScriptedModel| -> Result<Structured<Bird>, RunError> {
        let options = OrchestratorOptions {
            run_id: Some("run-1".to_owned()),
            journal: Some(Arc::new(journal.clone())),
            ..Default::default()
        };
        generate_as::<Bird>(model, vec![user!("go")], None, None, &[], options).await
    };
    let good = heron().to_string();
    let whole = live(&model(&["No.", "Well.", &good])).await.unwrap();
    let records = journal.records("run-1");
    for cut in 0..=records.len() {
        journal.set_records("run-1", records[..cut].to_vec());
        // What is left to say, by how many replies were kept.
        let kept = records[..cut].iter().filter(|it| it.body().contains("model_replied")).count();
        let rest = model(&["No.", "Well.", &*good][kept..]);
        let again = live(&rest).await.unwrap();
        assert_eq!(
            (again.value, again.output.messages),
            (whole.value.clone(), whole.output.messages.clone()),
            "{cut}"
        );
        assert_eq!(rest.remaining(), 0, "{cut}");
    }
}

/// What a stream showed of its answer, and what came last.
async fn partials(
    model: &ScriptedModel,
    tools: Option<Vec<Tool>>,
    resolver: &RecordingResolver,
) -> (Vec<Value>, Result<Structured<Bird>, LlmError>) {
    let options = OrchestratorOptions::default();
    let mut stream =
        stream_as::<Bird>(model, vec![user!("go")], tools, Some(resolver), &[], options).unwrap();
    let mut partials = Vec::new();
    let mut is_over = false;
    while let Some(event) = stream.next().await {
        match event {
            Ok(AnswerEvent::Partial(value)) => partials.push(value),
            Ok(AnswerEvent::Answer(answer)) => {
                assert!(is_over && stream.next().await.is_none(), "it comes last");
                return (partials, Ok(*answer));
            }
            Ok(AnswerEvent::Run(event)) => is_over = matches!(*event, StreamEvent::End { .. }),
            Ok(_) => {}
            Err(failed) => {
                assert!(stream.next().await.is_none());
                return (partials, Err(failed.into()));
            }
        }
    }
    panic!("the stream has no end");
}

#[tokio::test(start_paused = true)]
async fn a_native_answer_is_seen_as_it_grows() {
    let model = native()
        .calls("look", json!({}))
        .reply("No, wait.")
        .reply(r#"{"species": "grey heron", "count": 3}"#);
    let resolver = RecordingResolver::new().returning("look", json!("grey"));
    let (partials, answer) = partials(&model, Some(vec![tool("look")]), &resolver).await;
    let grown = [
        json!({}),
        json!({ "species": "grey " }),
        json!({ "species": "grey heron" }),
        json!({ "species": "grey heron", "count": 3 }),
    ];
    assert_eq!(partials, grown);
    let answer = answer.unwrap();
    assert_eq!(answer.value, Bird { species: "grey heron".to_owned(), count: 3 });
    assert_eq!(answer.output.steps.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_by_the_tool_is_seen_as_it_grows() {
    let reply = Reply::text("I have {it}. ").call("final_answer", heron());
    let (partials, answer) = partials(&script().then(reply), None, &RecordingResolver::new()).await;
    assert_eq!(partials, [json!({ "species": "he" }), heron()]);
    assert_eq!(answer.unwrap().value.count, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_an_answer_ends_with_the_error() {
    let model = native().reply("A").reply("B").reply("C");
    let (partials, answer) = partials(&model, None, &RecordingResolver::new()).await;
    assert!(partials.is_empty());
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::InvalidAnswer);

    let (_, answer) = partials_of_nothing().await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

async fn partials_of_nothing() -> (Vec<Value>, Result<Structured<Bird>, LlmError>) {
    partials(&native(), None, &RecordingResolver::new()).await
}

#[tokio::test(start_paused = true)]
async fn both_sorts_of_agents_give_values_on_both_surfaces() {
    let model = || script().calls("final_answer", heron()).calls("final_answer", heron());
    let expected = Bird { species: "heron".to_owned(), count: 3 };
    let look = RecordingResolver::new().returning("look", json!("grey"));
    let given = ToolLoopAgent::new(model(), vec![tool("look")], vec![has_tool_call("look")]);
    let owning = ToolLoopAgent::with_tools(model(), ToolSet::new());
    let go = || vec![user!("go")];
    assert_eq!(given.generate_as::<Bird>(go(), &look).await.unwrap().value, expected);
    assert_eq!(owning.generate_as::<Bird>(go()).await.unwrap().value, expected);
    let streams = [
        given.stream_as::<Bird>(go(), RecordingResolver::new()).await.unwrap(),
        owning.stream_as::<Bird>(go()).await.unwrap(),
    ];
    for stream in streams {
        let events: Vec<_> = stream.collect().await;
        let Some(Ok(AnswerEvent::Answer(answer))) = events.last() else { panic!("{events:?}") };
        assert_eq!(answer.value, expected);
    }
}
