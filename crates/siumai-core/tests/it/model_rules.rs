//! Replies that break off or fail: never a short answer, and nothing before them is lost.
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{Delta, LanguageModel, ModelEvent, ModelStream, ToolCallDelta},
    orchestrator::OrchestratorOptions,
    testing::Reply,
    types::{ChatMessage, ChatRequest, ContentPart, FinishReason, Origin, Role, Usage, Warning},
    user,
};

use crate::fixtures::{Played, Scene, assert_answered_once, play, script};

/// A run whose first step is done and whose second reply is `reply`.
async fn second(reply: fn(Reply) -> Reply) -> Played {
    let played = play(|_| {
        let first = Reply::empty().call("look", json!({})).usage(Usage::new(10, 1));
        let model = script().then(first).then(reply(Reply::empty())).reply("Never.");
        Scene::new(model).echoing(["look"])
    })
    .await;
    let failed = played.failed();
    assert_eq!(failed.steps.len(), 1, "the finished steps are kept");
    assert_eq!(failed.steps[0].usage, Some(Usage::new(10, 1)));
    assert_eq!(failed.usage, Usage::default(), "a reply that broke off was billed, at what price");
    assert_eq!(failed.messages, [&[user!("go")], &failed.steps[0].messages[..]].concat());
    assert_answered_once(&failed.messages);
    assert_eq!(played.requests.len(), 2, "nothing is asked again");
    played
}

#[tokio::test(start_paused = true)]
async fn m3_a_reply_that_breaks_off_is_an_error_and_never_a_short_answer() {
    let played = second(|reply| {
        let thought = reply.reasoning("Hm.").delta(Delta::content("The answer "));
        thought.delta(Delta::content("is")).call("look", json!({})).cut()
    })
    .await;
    let failed = played.failed();
    assert_eq!(failed.kind, ErrorKind::IncompleteReply);
    let text = "the reply broke off before its end; ask again (1 step was finished)";
    assert_eq!(failed.text, text);
    let parts = vec![ContentPart::reasoning("Hm."), ContentPart::text("The answer is")];
    let partial = ChatMessage::new(Role::Assistant, parts);
    assert_eq!(failed.partial_reply, Some(partial), "what was read is not lost");
}

#[tokio::test(start_paused = true)]
async fn m3_a_stream_that_ends_at_once_is_an_error_too() {
    let played = second(Reply::cut).await;
    assert_eq!(played.failed().kind, ErrorKind::IncompleteReply);
    assert_eq!(played.failed().partial_reply, None);
}

#[tokio::test(start_paused = true)]
async fn m3_calls_of_a_reply_that_broke_off_never_execute() {
    let played = second(|reply| reply.call("look", json!({ "n": 2 })).cut()).await;
    assert_eq!(played.calls, [("look".to_owned(), json!({}))], "those of the first step alone");
}

#[tokio::test(start_paused = true)]
async fn m4_an_error_inside_a_stream_is_an_error() {
    let played = second(|reply| {
        let overloaded = LlmError::new(ErrorKind::Overloaded, "the provider is overloaded");
        reply.delta(Delta::content("The answer")).fail(overloaded.with_request_id("req_1"))
    })
    .await;
    let failed = played.failed();
    assert_eq!(failed.kind, ErrorKind::Overloaded);
    let text = "the provider is overloaded (request req_1) (1 step was finished)";
    assert_eq!(failed.text, text);
    assert_eq!(failed.partial_reply, Some(ChatMessage::assistant("The answer")));
    assert_eq!(played.event_types().last().unwrap(), "delta");
}

#[tokio::test(start_paused = true)]
async fn m3_a_call_that_begins_without_a_name_is_an_error() {
    let played = second(|reply| {
        let nameless = ToolCallDelta { id: Some("a".into()), ..ToolCallDelta::arguments(0, "{}") };
        reply.delta(Delta::content("So")).delta(Delta::tool_call(nameless))
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::MalformedReply);
    assert_eq!(played.failed().partial_reply, Some(ChatMessage::assistant("So")));
}

/// Brings these events, whatever it is asked.
struct Fixed(Vec<ModelEvent>);

#[async_trait]
impl LanguageModel for Fixed {
    fn provider(&self) -> &'static str {
        "fixed"
    }

    fn model(&self) -> &'static str {
        "fixed"
    }

    async fn stream(&self, _: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        Ok(futures_util::stream::iter(self.0.clone()).map(Ok).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn m3_a_reply_that_goes_on_after_its_end_is_an_error() {
    let played = play(|_| {
        let finish = || ModelEvent::finish(FinishReason::Stop, None);
        Scene::new(Fixed(vec![ModelEvent::content("One."), finish(), ModelEvent::content("Two.")]))
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::MalformedReply);
    assert_eq!(played.failed().text, "the reply went on after its end");
}

#[tokio::test(start_paused = true)]
async fn m3_who_answered_and_under_which_id_is_kept() {
    let played = play(|_| {
        Scene::new(Fixed(vec![
            ModelEvent::start(Some("reply_7".into()), Some("script-2".into())),
            ModelEvent::content("One."),
            ModelEvent::finish(FinishReason::Other("pause_turn".into()), None),
        ]))
    })
    .await;
    let response = &played.output().response;
    assert_eq!(response.id.as_deref(), Some("reply_7"));
    assert_eq!(response.model.as_deref(), Some("script-2"));
    assert_eq!(response.finish_reason, FinishReason::Other("pause_turn".into()));
}

#[tokio::test(start_paused = true)]
async fn m4_a_request_that_is_refused_is_an_error() {
    let played = play(|_| {
        let wrong_key = LlmError::new(ErrorKind::Authentication, "the key is wrong");
        Scene::new(script().fails(wrong_key.with_status(401)))
    })
    .await;
    assert_eq!(played.failed().kind, ErrorKind::Authentication);
    assert_eq!(played.failed().text, "the key is wrong (status 401)");
    assert_eq!(played.event_types(), ["start", "step_start"]);
}

#[tokio::test(start_paused = true)]
async fn m3_a_slow_model_is_waited_for() {
    let played = play(|_| {
        let reply =
            Reply::text("Well, ").wait(Duration::from_secs(30)).delta(Delta::content("yes."));
        Scene::new(script().then(reply.delayed(Duration::from_secs(10))))
    })
    .await;
    assert_eq!(played.output().response.content_text(), Some("Well, yes."));
    assert_eq!(played.took, Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_could_not_do_is_reported_where_it_happened() {
    let warning = || Warning::Unsupported { what: "it takes no seed; it was left out".into() };
    let played = play(|_| {
        Scene::new(Fixed(vec![
            ModelEvent::Warning(warning()),
            ModelEvent::content("One."),
            ModelEvent::finish(FinishReason::Stop, None),
        ]))
    })
    .await;
    assert_eq!(played.output().warnings, [warning()]);
    let expected = ["start", "step_start", "delta", "warning", "step_finish", "end"];
    assert_eq!(played.event_types(), expected);
}

#[tokio::test(start_paused = true)]
async fn h2_what_a_reply_was_on_its_wire_comes_back_unchanged_and_survives_json() {
    let origin = r#"[{"type":"thinking","signature":"c2ln"}]"#;
    let played = play(|_| {
        Scene::new(Fixed(vec![
            ModelEvent::content("One."),
            ModelEvent::Origin(Origin::new("wire", origin)),
            ModelEvent::finish(FinishReason::Paused, None),
        ]))
        .options(OrchestratorOptions { max_steps: 2, ..Default::default() })
    })
    .await;
    assert_eq!(played.requests[1].messages[1].origin("wire"), Some(origin));
    let text = serde_json::to_string(played.messages()).unwrap();
    let back: Vec<ChatMessage> = serde_json::from_str(&text).unwrap();
    assert_eq!(back[2].origin("wire"), Some(origin));
}
