//! Runs that go wrong, side by side or in parts, and what is told of them.
use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::layers::Retry,
    orchestrator::{
        ApprovalRequest, OrchestratorOptions, StoppedBy, Timeouts, ToolApproval, generate_stream,
        run,
    },
    telemetry::{
        Telemetry,
        names::{CALL_ID, CONVERSATION, ERROR, FINISH_REASONS, INPUT_TOKENS, STOPPED_BY},
    },
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::ToolResolver,
    types::Tool,
    user,
};
use siumai_otel::Conventions::{Newest, V1_41};

use crate::fixtures::{SURFACES, Told, model, observe, options, resolver, tools};

/// How each span of this name ended: its status, and the type of its error.
fn endings(told: &Told, name: &str) -> Vec<(Value, Value)> {
    let spans = told.named(name).into_iter();
    spans.map(|it| (it["status"].clone(), it["attributes"][ERROR].clone())).collect()
}

fn fine() -> (Value, Value) {
    (json!("unset"), Value::Null)
}

fn failed(kind: &str, description: &str) -> (Value, Value) {
    (json!({ "error": description }), json!(kind))
}

fn busy() -> LlmError {
    LlmError::new(ErrorKind::RateLimited, "too many requests").with_status(429)
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_fails_its_call_and_the_run() {
    for surface in SURFACES {
        let model = ScriptedModel::new().fails(busy());
        let (outcome, told) =
            observe(V1_41, surface.run(&model, &resolver(), options(false))).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::RateLimited);
        let failed = vec![failed("rate_limited", "too many requests (status 429)")];
        assert_eq!(endings(&told, "chat script"), failed);
        assert_eq!(endings(&told, "invoke_agent forecaster"), failed);
        let durations = &told.metrics[0];
        assert_eq!(durations["points"][0]["of"][ERROR], "rate_limited");
    }
}

#[tokio::test(start_paused = true)]
async fn by_newer_names_a_reply_that_failed_has_finished_with_an_error() {
    let model = ScriptedModel::new().fails(busy());
    let (_, told) = observe(Newest, SURFACES[0].run(&model, &resolver(), options(false))).await;
    let chat = told.named("chat script")[0];
    assert_eq!(chat["attributes"][FINISH_REASONS], json!(["error"]));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_asked_for_again_has_a_call_for_each_attempt() {
    for surface in SURFACES {
        let model = ScriptedModel::new().then(Reply::text("It is").cut()).reply("It is wet.");
        let options = OrchestratorOptions { step_retries: 1, ..options(false) };
        let (outcome, told) = observe(V1_41, surface.run(&model, &resolver(), options)).await;
        outcome.unwrap();
        let attempts = endings(&told, "chat script");
        assert_eq!((attempts.len(), &attempts[0].1), (2, &json!("incomplete_reply")));
        assert_eq!(attempts[1], fine());
        assert_eq!(endings(&told, "invoke_agent forecaster"), [fine()]);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_of_a_layer_are_events_of_the_call() {
    let model = Retry::new(ScriptedModel::new().fails(busy()).reply("It is wet."));
    let (_, told) = observe(V1_41, SURFACES[1].run(&model, &resolver(), options(false))).await;
    let chat = told.named("chat script")[0];
    let events: Vec<_> = chat["events"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(events, ["an attempt at the model failed", "the model answers"]);
    assert_eq!(chat["events"][0]["attributes"]["status"], "429");
    assert_eq!(endings(&told, "chat script"), [fine()]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_was_cancelled_and_tells_what_it_cost() {
    let (model, resolver) = (model(), resolver());
    let work = async {
        let stream = generate_stream(
            &model,
            vec![user!("?")],
            Some(tools()),
            Some(&resolver),
            &[],
            options(false),
        );
        let mut stream = stream.unwrap();
        // The tool is at work then.
        let dropping = async { while stream.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(2), dropping).await.unwrap_err();
    };
    let ((), told) = observe(V1_41, work).await;
    assert_eq!(endings(&told, "chat weather-1"), [fine()]);
    let (status, kind) = endings(&told, "execute_tool get_weather").remove(0);
    assert_eq!((status, kind), failed("cancelled", ""));
    let agent = told.named("invoke_agent forecaster")[0];
    assert_eq!(agent["attributes"][ERROR], "cancelled");
    assert_eq!(agent["attributes"][STOPPED_BY], Value::Null);
    assert_eq!(agent["attributes"][INPUT_TOKENS], json!(100));
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_fails_its_own_span_alone() {
    let call = Reply::empty()
        .call("fails", json!({}))
        .call("crashes", json!({}))
        .call("dawdles", json!({}))
        .call("works", json!({}));
    let tools: Vec<Tool> =
        ["fails", "crashes", "dawdles", "works"].map(|it| Tool::function(it, it)).into();
    for content in [false, true] {
        let model = ScriptedModel::new().then(call.clone()).reply("Well.");
        let resolver = RecordingResolver::new()
            .failing("fails", LlmError::ToolExecutionError("no such city".into()))
            .panicking("crashes", "out of rain")
            .returning_after("dawdles", Duration::from_secs(60), json!(1))
            .returning_after("works", Duration::from_secs(1), json!(1));
        let timeouts = Timeouts { tool: Some(Duration::from_secs(2)), ..Default::default() };
        let options = OrchestratorOptions { timeouts, ..options(content) };
        let tools = Some(tools.clone());
        let work = run(&model, vec![user!("?")], tools, Some(&resolver), &[], options);
        let (output, told) = observe(V1_41, work).await;
        assert_eq!(output.unwrap().stopped_by, StoppedBy::Answer);
        assert_eq!(endings(&told, "execute_tool fails"), [failed("tool", "")]);
        assert_eq!(endings(&told, "execute_tool crashes"), [failed("panicked", "")]);
        assert_eq!(endings(&told, "execute_tool dawdles"), [failed("timeout", "")]);
        assert_eq!(endings(&told, "execute_tool works"), [fine()]);
        assert_eq!(endings(&told, "invoke_agent forecaster"), [fine()]);
        assert_eq!(told.whole().to_string().contains("no such city"), content);
    }
}

/// Looks cities up, one faster than the other, and tells of it in a span of its own.
struct Cities;

#[async_trait]
impl ToolResolver for Cities {
    async fn call_tool(&self, _: &str, arguments: Value) -> Result<Value, LlmError> {
        let city = arguments["city"].as_str().unwrap_or_default();
        let wait = if city == "Oslo" { 2 } else { 1 };
        tokio::time::sleep(Duration::from_secs(wait)).await;
        tracing::info_span!("look up", city).in_scope(|| Ok(json!("wet")))
    }
}

#[tokio::test(start_paused = true)]
async fn tools_at_work_at_once_have_spans_of_their_own() {
    let call = Reply::empty()
        .call("get_weather", json!({ "city": "Oslo" }))
        .call("get_weather", json!({ "city": "Rome" }));
    for surface in SURFACES {
        let model = ScriptedModel::new().then(call.clone()).reply("Wet and dry.");
        let (output, told) = observe(V1_41, surface.run(&model, &Cities, options(false))).await;
        output.unwrap();
        let found = told.spans.iter().filter(|it| it["name"] != "chat script").map(|it| {
            let id = &it["attributes"][CALL_ID];
            let of = if id.is_null() { &it["attributes"]["city"] } else { id };
            (it["name"].as_str().unwrap(), of.as_str(), it["parent"].as_str())
        });
        let (agent, tool) = (Some("invoke_agent forecaster"), Some("execute_tool get_weather"));
        let expected = [
            ("look up", Some("Rome"), tool),
            ("execute_tool get_weather", Some("call_2"), agent),
            ("look up", Some("Oslo"), tool),
            ("execute_tool get_weather", Some("call_1"), agent),
            ("invoke_agent forecaster", None, None),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected, "{surface:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn runs_side_by_side_do_not_mix() {
    let named = |name: &str| {
        let telemetry = Telemetry { conversation_id: Some(name.into()), ..Default::default() };
        OrchestratorOptions { agent_id: Some(name.into()), telemetry, ..options(false) }
    };
    let (one, two) = (model(), model());
    let (tools_of_one, tools_of_two) = (resolver(), resolver());
    let both = async {
        let surface = SURFACES[1];
        futures_util::join!(
            surface.run(&one, &tools_of_one, named("one")),
            surface.run(&two, &tools_of_two, named("two")),
        )
    };
    let (_, told) = observe(V1_41, both).await;
    let chats: Vec<_> = told
        .named("chat weather-1")
        .into_iter()
        .map(|it| (it["attributes"][CONVERSATION].as_str(), it["parent"].as_str()))
        .collect();
    let (of_one, of_two) =
        ((Some("one"), Some("invoke_agent one")), (Some("two"), Some("invoke_agent two")));
    assert_eq!(chats, [of_one, of_two, of_one, of_two]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_is_told_of_as_the_same_conversation() {
    let (model, resolver) = (model(), resolver());
    let pausing = OrchestratorOptions {
        on_tool_approval: Some(Arc::new(|_: &str, _: &Value| ToolApproval::Pause)),
        run_id: None,
        ..options(false)
    };
    let work = async {
        let paused = SURFACES[0].run(&model, &resolver, pausing.clone()).await.unwrap();
        assert_eq!(paused.stopped_by, StoppedBy::ApprovalPending);
        let suspended = paused.suspended.unwrap();
        let decisions = suspended.pending().iter().map(ApprovalRequest::approve).collect();
        let options = OrchestratorOptions { decisions, resume: Some(suspended), ..pausing };
        run(&model, vec![], Some(tools()), Some(&resolver), &[], options).await.unwrap().run_id
    };
    let (run_id, told) = observe(V1_41, work).await;
    let agents: Vec<_> = told
        .named("invoke_agent forecaster")
        .into_iter()
        .map(|it| {
            let attributes = &it["attributes"];
            let conversation = &attributes[CONVERSATION];
            (conversation.as_str().unwrap(), attributes[STOPPED_BY].as_str().unwrap())
        })
        .collect();
    assert_eq!(agents, [(run_id.as_str(), "approval_pending"), (run_id.as_str(), "answer")]);
}
