//! Every way of calling the orchestrator that its specification shows: one test for each block of code, in
//! the same order. Closures are bare where the specification writes them bare.
use std::sync::Mutex;

use siumai::{
    orchestrator::*,
    prelude::*,
    stream::StreamEvent,
    testing::{RecordingResolver, Reply, ScriptedModel},
    types::ToolStatus::{Denied, Executed},
};

/// What observers heard, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Timetable;

#[async_trait::async_trait]
impl ToolResolver for Timetable {
    async fn call_tool(&self, name: &str, args: Value) -> Result<Value, LlmError> {
        match name {
            "next_train" => {
                let station = args["station"].as_str().unwrap();
                Ok(json!({ "from": station, "departs": "09:14", "platform": 3 }))
            }
            _ => Err(LlmError::ToolExecutionError(format!("The timetable has no {name}"))),
        }
    }
}

fn timetable() -> Vec<Tool> {
    vec![
        Tool::function("next_train", "The next departure from a station")
            .parameter("station", "string", "Name of the station", true)
            .build(),
    ]
}

fn asks_for_a_train(station: &str) -> ScriptedModel {
    ScriptedModel::new()
        .calls("next_train", json!({ "station": station }))
        .reply(format!("The next train from {station} leaves at 09:14."))
}

#[test]
fn a_client_is_built_from_a_provider_a_key_and_a_model() -> Result<(), LlmError> {
    let api_key = "a key that opens nothing".to_owned();

    let client = Siumai::builder().openai().api_key(&api_key).model("gpt-4").build()?;

    let shown = format!("{client:?}");
    assert_eq!(shown, r#"Siumai { provider: "openai", model: "gpt-4", .. }"#);
    Ok(())
}

#[tokio::test]
async fn a_resolver_executes_what_the_model_calls() -> Result<(), LlmError> {
    let client = Siumai::new(asks_for_a_train("Uppsala"));
    let tools = timetable();
    let messages = vec![user!("When can I leave Uppsala?")];
    let resolver = Timetable;

    let stop_condition = step_count_is(10);
    let (response, steps) = generate(
        &client,
        messages,
        Some(tools),
        Some(&resolver),
        &[&*stop_condition],
        OrchestratorOptions::default(),
    )
    .await?;

    assert_eq!(response.content_text().unwrap(), "The next train from Uppsala leaves at 09:14.");
    assert_eq!(steps.len(), 2);
    assert_eq!(
        steps[0].tool_results[0].output,
        json!({ "from": "Uppsala", "departs": "09:14", "platform": 3 })
    );
    Ok(())
}

#[tokio::test]
async fn an_agent_is_used_again_and_again() -> Result<(), LlmError> {
    let client = asks_for_a_train("Uppsala").reply("You are welcome.");
    let (heard, resolver) = (Heard::default(), Timetable);
    let observer = heard.clone();

    let agent = ToolLoopAgent::new(client, timetable(), vec![step_count_is(10)])
        .with_system("You speak for the railway")
        .with_id("departures")
        .on_step_finish(Arc::new(move |step| {
            observer.push(format!("step {}: {} calls", step.step_number, step.tool_calls.len()));
        }));

    let (response1, _) = agent.generate(vec![user!("Next train?")], &resolver).await?;
    let (response2, _) = agent.generate(vec![user!("Thanks!")], &resolver).await?;

    assert_eq!(response1.content_text(), Some("The next train from Uppsala leaves at 09:14."));
    assert_eq!(response2.content_text(), Some("You are welcome."));
    assert_eq!(heard.lines(), ["step 0: 1 calls", "step 1: 0 calls", "step 0: 0 calls"]);
    assert_eq!(agent.id(), Some("departures"));
    Ok(())
}

/// A finished step in which the model said `text` and called `tools`.
fn step(text: &str, tools: &[&str]) -> StepResult {
    let call = |name: &&str| {
        let (id, name) = (format!("call of {name}"), (*name).to_owned());
        Arc::new(ToolCall { id, name, arguments: json!({}) })
    };
    let mut step = StepResult::default();
    step.messages = vec![assistant!(text)];
    step.tool_calls = tools.iter().map(call).collect();
    step
}

#[test]
fn stop_conditions_are_built_in_combined_and_made_of_closures() {
    let c1 = step_count_is(3);
    let c2 = has_tool_call("submit");
    let c3 = has_text_response();
    let c4 = any_of(vec![step_count_is(3), has_tool_call("submit")]);
    let c5 = all_of(vec![has_text_response(), custom_condition(|steps| steps.len() > 1)]);
    let c6 = custom_condition(|steps: &[StepResult]| steps.iter().any(|s| s.tool_calls.len() > 1));
    let holding = |steps: &[StepResult]| -> Vec<usize> {
        let all = [&c1, &c2, &c3, &c4, &c5, &c6];
        (1..).zip(all).filter(|(_, it)| it.should_stop(steps)).map(|(number, _)| number).collect()
    };

    let [search, submit, answer] = [step("", &["search"]), step("", &["submit"]), step("42", &[])];
    let broad = step("", &["search", "search"]);
    assert_eq!(holding(&[]), [0; 0]);
    assert_eq!(holding(std::slice::from_ref(&search)), [0; 0]);
    assert_eq!(holding(std::slice::from_ref(&submit)), [2, 4]);
    assert_eq!(holding(std::slice::from_ref(&answer)), [3]);
    assert_eq!(holding(&[search.clone(), answer]), [3, 5]);
    assert_eq!(holding(&[search.clone(), search, broad]), [1, 4, 6]);
}

#[tokio::test]
async fn approval_denies_modifies_and_lets_pass() -> Result<(), LlmError> {
    let options = OrchestratorOptions {
        on_tool_approval: Some(Arc::new(|tool_name: &str, args: &Value| match tool_name {
            "empty_the_account" => {
                ToolApproval::Deny { reason: "Nobody empties an account by chat".to_string() }
            }
            "transfer" => {
                let mut modified = args.clone();
                if args["amount"].as_u64().unwrap() > 100 {
                    modified["amount"] = json!(100);
                    ToolApproval::Modify(modified)
                } else {
                    ToolApproval::Approve(args.clone())
                }
            }
            _ => ToolApproval::Approve(args.clone()),
        })),
        ..Default::default()
    };
    let transfer =
        Tool::function("transfer", "Move money").parameter("amount", "integer", "How much", true);
    let tools = vec![
        Tool::function("empty_the_account", "Move all money"),
        transfer,
        Tool::function("balance", "What is left"),
    ];
    let model = ScriptedModel::new()
        .then(
            Reply::empty()
                .call("empty_the_account", json!({}))
                .call("transfer", json!({ "amount": 5000 }))
                .call("transfer", json!({ "amount": 20 }))
                .call("balance", json!({})),
        )
        .reply("I moved 120.");
    let bank = RecordingResolver::new()
        .returning("empty_the_account", json!("done"))
        .returning("transfer", json!("done"))
        .returning("balance", json!(880));

    let messages = vec![user!("Move 5,000, then 20, then everything")];
    let (_, steps) = generate(&model, messages, Some(tools), Some(&bank), &[], options).await?;

    let executed: Vec<_> = bank.calls();
    assert_eq!(
        executed,
        [
            ("transfer".to_owned(), json!({ "amount": 100 })),
            ("transfer".to_owned(), json!({ "amount": 20 })),
            ("balance".to_owned(), json!({})),
        ]
    );
    let statuses: Vec<_> = steps[0].tool_results.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [Denied, Executed, Executed, Executed]);
    let told = steps[0].tool_results[0].output_text();
    assert!(told.contains("Nobody empties an account by chat"), "{told}");
    Ok(())
}

#[tokio::test]
async fn each_step_can_be_prepared() -> Result<(), LlmError> {
    let options = OrchestratorOptions {
        prepare_step: Some(Arc::new(|ctx: PrepareStepContext| PrepareStepResult {
            tool_choice: if ctx.step_number == 0 {
                Some(ToolChoice::Required)
            } else if ctx.step_number > 1 {
                Some(ToolChoice::Specific { tool_name: "submit".to_string() })
            } else {
                Some(ToolChoice::Auto)
            },
            active_tools: if ctx.step_number > 1 { Some(vec!["submit".to_string()]) } else { None },
            system: Some(format!("This is attempt {} of 3.", ctx.step_number + 1)),
            messages: None,
        })),
        ..Default::default()
    };
    let model = ScriptedModel::new()
        .calls("measure", json!({}))
        .calls("measure", json!({}))
        .calls("submit", json!({}));
    let tools =
        vec![Tool::function("measure", "Take a reading"), Tool::function("submit", "Hand it in")];
    let lab =
        RecordingResolver::new().returning("measure", json!(7)).returning("submit", json!("ok"));

    let stop = has_tool_call("submit");
    generate(&model, vec![user!("How warm is it?")], Some(tools), Some(&lab), &[&*stop], options)
        .await?;

    let asked: Vec<_> = model
        .requests()
        .iter()
        .map(|it| {
            let tools: Vec<_> = it.tools().iter().map(Tool::name).collect();
            let system = it.system()[0].text().unwrap_or_default();
            (system.to_owned(), it.tool_choice().cloned(), tools.join(" "))
        })
        .collect();
    let submit = ToolChoice::Specific { tool_name: "submit".to_owned() };
    let asked_so = |number: usize, choice: ToolChoice, tools: &str| {
        (format!("This is attempt {number} of 3."), Some(choice), tools.to_owned())
    };
    assert_eq!(
        asked,
        [
            asked_so(1, ToolChoice::Required, "measure submit"),
            asked_so(2, ToolChoice::Auto, "measure submit"),
            asked_so(3, submit, "submit"),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn callbacks_hear_of_each_step_and_of_the_end() -> Result<(), LlmError> {
    let heard = Heard::default();
    let (at_step, at_end) = (heard.clone(), heard.clone());
    let options = OrchestratorOptions {
        on_step_finish: Some(Arc::new(move |step: &StepResult| {
            at_step.push(format!("{} calls, {:?}", step.tool_calls.len(), step.finish_reason));
            if let Some(usage) = &step.usage {
                at_step.push(format!("{} tokens", usage.total_tokens));
            }
        })),
        on_finish: Some(Arc::new(move |steps: &[StepResult]| {
            let total_usage = StepResult::merge_usage(steps);
            at_end.push(format!("{} steps, {} tokens", steps.len(), total_usage.total_tokens));
        })),
        ..Default::default()
    };
    let model = ScriptedModel::new()
        .then(
            Reply::empty()
                .call("next_train", json!({ "station": "Oslo" }))
                .usage(Usage::new(40, 10)),
        )
        .then(Reply::text("At 09:14.").usage(Usage::new(60, 5)));

    let messages = vec![user!("When does it leave?")];
    generate(&model, messages, Some(timetable()), Some(&Timetable), &[], options).await?;

    assert_eq!(
        heard.lines(),
        ["1 calls, ToolCalls", "50 tokens", "0 calls, Stop", "65 tokens", "2 steps, 115 tokens"]
    );
    Ok(())
}

#[tokio::test]
async fn a_run_streams_and_its_steps_are_awaited() -> Result<(), LlmError> {
    let heard = Heard::default();
    let (in_pieces, at_step, at_end) = (heard.clone(), heard.clone(), heard.clone());
    let (client, messages) = (asks_for_a_train("Bergen"), vec![user!("From Bergen?")]);
    let (tools, resolver) = (timetable(), Timetable);

    let options = OrchestratorStreamOptions {
        max_steps: 10,
        on_chunk: Some(Arc::new(move |chunk: &str| {
            in_pieces.push(chunk.trim_end().to_owned());
        })),
        on_step_finish: Some(Arc::new(move |step: &StepResult| {
            at_step.push(format!("[step {}]", step.step_number));
        })),
        on_finish: Some(Arc::new(move |steps: &[StepResult]| {
            at_end.push(format!("[{} steps]", steps.len()));
        })),
        ..Default::default()
    };
    let orchestration = generate_stream_owned(
        client,
        messages,
        Some(tools),
        resolver,
        vec![step_count_is(10)],
        options,
    )
    .await?;

    let (mut text, mut has_ended) = (String::new(), false);
    let mut stream = orchestration.stream;
    while let Some(event) = stream.next().await {
        match event {
            Ok(StreamEvent::Delta { delta, .. }) => {
                if let Some(content) = delta.content {
                    text.push_str(&content);
                }
            }
            Ok(StreamEvent::End { .. }) => {
                has_ended = true;
                break;
            }
            Err(e) => return Err(e.into()),
            _ => {}
        }
    }
    let steps = orchestration.steps.await?;

    assert!(has_ended);
    assert_eq!(text, "The next train from Bergen leaves at 09:14.");
    assert_eq!(
        heard.lines().join(" "),
        "[step 0] The next train from Bergen leaves at 09:14. [step 1] [2 steps]"
    );
    assert_eq!(steps.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_researcher_stops_at_its_final_answer() -> Result<(), LlmError> {
    let client = ScriptedModel::new()
        .calls("query_archive", json!({}))
        .calls("open_record", json!({}))
        .calls("conclude", json!({}))
        .reply("never asked for");

    let archivist = ToolLoopAgent::new(
        client,
        vec![
            Tool::function("query_archive", "Query the archive"),
            Tool::function("open_record", "Open a record"),
            Tool::function("conclude", "State the conclusion"),
        ],
        vec![any_of(vec![has_tool_call("conclude"), step_count_is(20)])],
    )
    .with_system("You work in an archive. Look things up, then conclude.");

    let archive = RecordingResolver::new()
        .returning("query_archive", json!(["record 12"]))
        .returning("open_record", json!("born in 1815"))
        .returning("conclude", json!("noted"));
    let output = archivist.run(vec![user!("When was she born?")], &archive).await?;

    assert_eq!(output.steps.len(), 3);
    assert_eq!(output.steps[2].tool_calls[0].name, "conclude");
    assert!(matches!(output.stopped_by, StoppedBy::Condition { index: 0, .. }));
    Ok(())
}

fn is_harmless(query: &str) -> bool {
    query.starts_with("select ")
}

#[tokio::test]
async fn a_generator_executes_only_what_is_safe() -> Result<(), LlmError> {
    let options = OrchestratorOptions {
        on_tool_approval: Some(Arc::new(|tool, args| {
            if tool == "run_query" {
                let query = args["query"].as_str().unwrap();
                if is_harmless(query) {
                    ToolApproval::Approve(args.clone())
                } else {
                    ToolApproval::Deny { reason: "The query would change data".to_string() }
                }
            } else {
                ToolApproval::Approve(args.clone())
            }
        })),
        ..Default::default()
    };
    let model = ScriptedModel::new()
        .calls("run_query", json!({ "query": "drop table trains" }))
        .calls("run_query", json!({ "query": "select count(*) from trains" }))
        .reply("There are 12.");
    let run_query =
        Tool::function("run_query", "Run a query").parameter("query", "string", "In SQL", true);
    let database = RecordingResolver::new().returning("run_query", json!(12));

    let messages = vec![user!("How many trains are there?")];
    let (response, steps) =
        generate(&model, messages, Some(vec![run_query]), Some(&database), &[], options).await?;

    assert_eq!(response.content_text(), Some("There are 12."));
    assert_eq!(
        database.calls(),
        [("run_query".to_owned(), json!({ "query": "select count(*) from trains" }))]
    );
    assert_eq!(steps[0].tool_results[0].status, Denied);
    Ok(())
}

#[tokio::test]
async fn a_support_agent_logs_steps_and_the_end() -> Result<(), LlmError> {
    let heard = Heard::default();
    let (at_step, at_end) = (heard.clone(), heard.clone());
    let log = |heard: &Heard, name: &str, what: Value| heard.push(format!("{name} {what}"));
    let client = ScriptedModel::new()
        .then(
            Reply::empty()
                .call("next_train", json!({ "station": "Turku" }))
                .usage(Usage::new(30, 5)),
        )
        .reply("At 09:14.");

    let desk = ToolLoopAgent::new(client, timetable(), vec![step_count_is(15)])
        .with_system("You sit at the information desk.")
        .on_step_finish(Arc::new(move |step| {
            log(
                &at_step,
                "step",
                json!({
                    "calls": step.tool_calls.len(),
                    "tokens": step.usage.as_ref().map(|u| u.total_tokens),
                }),
            );
        }))
        .on_finish(Arc::new(move |steps| {
            log(
                &at_end,
                "end",
                json!({
                    "steps": steps.len(),
                    "tokens": StepResult::merge_usage(steps).total_tokens,
                }),
            );
        }));
    desk.generate(vec![user!("When is the next train from Turku?")], &Timetable).await?;

    assert_eq!(
        heard.lines(),
        [
            r#"step {"calls":1,"tokens":35}"#,
            r#"step {"calls":0,"tokens":null}"#,
            // The second reply does not say what it cost, so nobody knows the sum.
            r#"end {"steps":2,"tokens":null}"#,
        ]
    );
    Ok(())
}

struct Doubler;

#[async_trait::async_trait]
impl ToolResolver for Doubler {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        match (name, arguments["number"].as_i64()) {
            ("double", Some(number)) => Ok(json!(2 * number)),
            _ => Err(LlmError::ToolExecutionError(format!("can't {name} that"))),
        }
    }
}

#[tokio::test]
async fn a_resolver_needs_one_method_and_goes_behind_any_pointer() -> Result<(), LlmError> {
    let resolvers: Vec<Box<dyn ToolResolver>> =
        vec![Box::new(Doubler), Box::new(Arc::new(Doubler))];
    for resolver in resolvers {
        assert_eq!(resolver.call_tool("double", json!({ "number": 21 })).await?, json!(42));
        let error = resolver.call_tool("halve", json!({})).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Tool, "can't halve that".to_owned())
        );
    }
    Ok(())
}

struct CallLimit(usize);

impl StopCondition for CallLimit {
    fn should_stop(&self, steps: &[StepResult]) -> bool {
        steps.iter().map(|step| step.tool_calls.len()).sum::<usize>() >= self.0
    }
}

#[tokio::test]
async fn a_stop_condition_is_any_type_that_implements_the_trait() -> Result<(), LlmError> {
    let twice = || {
        Reply::empty().call("double", json!({ "number": 1 })).call("double", json!({ "number": 2 }))
    };
    let double =
        Tool::function("double", "Twice a number").parameter("number", "integer", "Any", true);
    let messages = vec![user!("Double everything")];

    let model = ScriptedModel::new().then(twice()).then(twice()).then(twice());
    let tools = Some(vec![double.clone()]);
    let options = OrchestratorOptions::default();
    let (_, steps) =
        generate(&model, messages.clone(), tools, Some(&Doubler), &[&CallLimit(4)], options)
            .await?;
    assert_eq!(steps.len(), 2);

    let model = ScriptedModel::new().then(twice()).then(twice());
    let agent = ToolLoopAgent::new(model, vec![double], vec![Box::new(CallLimit(2))]);
    let (_, steps) = agent.generate(messages, &Doubler).await?;
    assert_eq!(steps.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_loop_can_be_written_by_hand() -> Result<(), LlmError> {
    let client = Siumai::new(asks_for_a_train("Tampere"));
    let mut messages = vec![user!("The next one from Tampere?")];

    let answer = loop {
        let request = ChatRequest::new(messages.clone()).with_tools(timetable());
        let response = client.chat_request(request).await?;
        if response.tool_calls.is_empty() {
            break response;
        }
        messages.push(response.message);
        for call in response.tool_calls {
            let output = Timetable.call_tool(&call.name, call.arguments.clone()).await?;
            messages.push(ChatMessage::tool(ToolResult::executed(&call, output)));
        }
    };

    assert_eq!(answer.content_text(), Some("The next train from Tampere leaves at 09:14."));
    assert_eq!(messages.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_request_by_reference_can_be_sent_again() -> Result<(), LlmError> {
    let client = Siumai::new(ScriptedModel::new().reply("Once.").reply("Twice."));
    let request = &ChatRequest::new(vec![user!("Again")]);
    let mut said = Vec::new();
    for _ in 0..2 {
        let response = client.chat_request(request).await?;
        said.extend(response.content_text().map(str::to_owned));
    }
    assert_eq!(said, ["Once.", "Twice."]);
    Ok(())
}

#[tokio::test]
async fn the_loop_by_hand_becomes_one_call() -> Result<(), LlmError> {
    let client = Siumai::new(asks_for_a_train("Tampere"));
    let (messages, resolver) = (vec![user!("The next one from Tampere?")], Timetable);

    let (response, steps) = generate(
        &client,
        messages,
        Some(timetable()),
        Some(&resolver),
        &[&*step_count_is(10)],
        OrchestratorOptions::default(),
    )
    .await?;

    assert_eq!(response.content_text(), Some("The next train from Tampere leaves at 09:14."));
    assert_eq!(steps.len(), 2);
    Ok(())
}
