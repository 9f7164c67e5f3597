//! Replies as a caller sees them: streams, tool choices, failures, further turns.
use serde_json::{Value, json};
use siumai_core::{
    model::{LanguageModel, ModelEvent},
    types::{
        ChatMessage, ChatRequest, ChatResponse, FinishReason, Tool, ToolChoice, ToolResult,
        ToolStatus,
    },
};

use super::{ask, calls, city, reply, weather};
use crate::offline::{OfflineModel, events};

fn delete_file() -> Tool {
    Tool::function("delete_file", "Delete a file")
        .parameter("path", "string", "Path of the file", true)
        .destructive()
}

fn answered(task: &str, first: &ChatResponse, results: Vec<ToolResult>) -> Vec<ChatMessage> {
    let results = results.into_iter().map(ChatMessage::tool);
    [ChatMessage::user(task), first.message.clone()].into_iter().chain(results).collect()
}

fn request(messages: Vec<ChatMessage>, tools: &[Tool]) -> ChatRequest {
    ChatRequest::new(messages).with_tools(tools.to_vec())
}

#[test]
fn it_says_what_it_is_called() {
    let model = OfflineModel::new();
    assert_eq!((model.provider(), model.model()), ("offline", "rules"));
}

#[test]
fn without_tools_it_says_that_no_language_model_was_involved() {
    let reply = ask("What is the capital of France?", &[]);
    let expected = "I can't help with this: I have no tools here. I am the offline model: fixed rules that match the \
                    words of a task to tools. No language model was involved, and I don't guess. Offer me tools, or ask \
                    a language model of a provider.";
    assert_eq!(reply.content_text(), Some(expected));
    assert_eq!(reply.finish_reason, FinishReason::Stop);
}

#[test]
fn where_nothing_fits_it_says_what_it_has() {
    let reply = ask("Sing a song", &[weather(), delete_file()]);
    let expected = "I found no tool that fits this. I am the offline model: fixed rules that match the words of a task \
                    to tools. No language model was involved, and I don't guess. What I can use here:\n\n\
                    - `get_weather`: Get weather for a city\n\
                    - `delete_file`: Delete a file (it can destroy something: I never pick it by myself)";
    assert_eq!(reply.content_text(), Some(expected));
}

#[test]
fn what_is_missing_is_asked_for() {
    let reply = ask("What's the weather?", &[weather()]);
    assert_eq!(calls(&reply), []);
    let text = reply.content_text().unwrap();
    assert!(
        text.starts_with(
            "I would call `get_weather`, but the task does not say `city` (city name)."
        ),
        "{text}"
    );
}

#[test]
fn an_answer_from_results_does_not_speak_of_the_model() {
    let task = "What's the weather in Oslo?";
    let first = ask(task, &[weather()]);
    let result = ToolResult::executed(
        &first.tool_calls[0],
        json!({ "temperature": 3, "condition": "snow" }),
    );
    let second = reply(request(answered(task, &first, vec![result]), &[weather()]));
    assert_eq!(second.content_text(), Some("**Oslo**: temperature: 3, condition: snow"));
    assert_eq!(calls(&second), []);
}

#[test]
fn text_streams_word_by_word_with_its_white_space() {
    let request = request(vec![ChatMessage::user("hi")], &[]);
    let words: Vec<String> = contents(&request);
    assert_eq!(words[..4], ["I ", "can't ", "help ", "with "]);
    assert_eq!(Some(words.concat().as_str()), reply(request).content_text());
}

#[test]
fn a_call_streams_as_its_name_and_pieces_of_its_arguments() {
    let request = request(vec![ChatMessage::user("weather in New York")], &[weather()]);
    let pieces: Vec<_> = events(&request)
        .into_iter()
        .filter_map(|it| match it {
            ModelEvent::Delta(delta) => delta.tool_call,
            _ => None,
        })
        .collect();
    assert_eq!(
        (pieces[0].id.as_deref(), pieces[0].name.as_deref()),
        (Some("offline_1"), Some("get_weather"))
    );
    let arguments: Vec<&str> = pieces.iter().map(|it| it.arguments.as_str()).collect();
    assert_eq!(arguments, ["", "{\"city\":\"New ", "York\"}"]);
}

#[test]
fn a_whole_reply_is_the_stream_in_one_piece() {
    for task in ["hello", "weather in New York"] {
        let request = request(vec![ChatMessage::user(task)], &[weather()]);
        assert_eq!(reply(request.clone().whole()), reply(request.clone()));
        assert_eq!(events(&request.whole()).len(), 3);
    }
}

#[test]
fn usage_is_an_estimate_of_four_bytes_a_token() {
    let messages = vec![ChatMessage::system("12345678"), ChatMessage::user("1234")];
    let usage = reply(request(messages, &[])).usage.unwrap();
    assert!(usage.estimated);
    assert_eq!(usage.input_tokens, 3);
    assert_eq!(usage.total_tokens, usage.output_tokens.get().map(|it| it + 3));
}

#[test]
fn a_system_message_is_no_task() {
    let messages = vec![
        ChatMessage::system("Always tell the weather in Rome. Read every file."),
        ChatMessage::user("Weather in Oslo?"),
    ];
    assert_eq!(calls(&reply(request(messages, &[weather()]))), [city("Oslo")]);
}

#[test]
fn choice_none_means_no_call() {
    let request = request(vec![ChatMessage::user("Weather in Oslo?")], &[weather()]);
    assert_eq!(calls(&reply(request.with_tool_choice(ToolChoice::None))), []);
}

#[test]
fn a_required_call_is_made_as_well_as_the_task_allows() {
    let request =
        request(vec![ChatMessage::user("Tell me something")], &[delete_file(), weather()]);
    assert_eq!(
        calls(&reply(request.with_tool_choice(ToolChoice::Required))),
        [city("Tell me something")]
    );
}

#[test]
fn a_tool_that_the_caller_names_is_called_even_if_it_can_destroy_something() {
    let request = request(vec![ChatMessage::user("Remove notes.txt")], &[weather(), delete_file()]);
    let choice = ToolChoice::Specific { tool_name: "delete_file".into() };
    let expected = [("delete_file".to_owned(), json!({ "path": "notes.txt" }))];
    assert_eq!(calls(&reply(request.with_tool_choice(choice))), expected);
}

#[test]
fn a_tool_that_can_destroy_something_is_never_picked() {
    let reply = ask("Delete the file notes.txt", &[delete_file()]);
    assert_eq!(calls(&reply), []);
    assert!(reply.content_text().unwrap().starts_with("`delete_file` would fit, but it is marked"));
}

#[test]
fn a_demand_for_calls_without_end_comes_to_an_end() {
    let task = "Weather in Oslo?";
    let tools = [weather()];
    let first = reply(
        request(vec![ChatMessage::user(task)], &tools).with_tool_choice(ToolChoice::Required),
    );
    let result = ToolResult::executed(&first.tool_calls[0], json!("snow"));
    let messages = answered(task, &first, vec![result]);
    let second = reply(request(messages, &tools).with_tool_choice(ToolChoice::Required));
    assert_eq!(second.content_text(), Some("**Oslo**: snow"));
}

#[test]
fn a_failure_is_told_and_not_tried_again() {
    let task = "Weather in Oslo and Rome?";
    let first = ask(task, &[weather()]);
    let failed = ToolResult::unexecuted(&first.tool_calls[0], ToolStatus::Failed, "no such city");
    let denied =
        ToolResult::unexecuted(&first.tool_calls[1], ToolStatus::Denied, "The user said no.");
    let second = reply(request(answered(task, &first, vec![failed, denied]), &[weather()]));
    let expected = "- **Oslo**: `get_weather` failed: no such city\n\
                    - **Rome**: `get_weather` was not run, because it was denied. The user said no.";
    assert_eq!(second.content_text(), Some(expected));
}

#[test]
fn what_only_reads_and_took_too_long_is_tried_once_more() {
    let task = "Weather in Oslo?";
    let tools = [weather().read_only()];
    let first = ask(task, &tools);
    let late = ToolResult::unexecuted(
        &first.tool_calls[0],
        ToolStatus::TimedOut,
        "It took longer than 5 seconds.",
    );
    let mut messages = answered(task, &first, vec![late]);
    let second = reply(request(messages.clone(), &tools));
    assert_eq!(calls(&second), [city("Oslo")]);
    assert_eq!(second.tool_calls[0].id, "offline_2");

    let late = ToolResult::unexecuted(
        &second.tool_calls[0],
        ToolStatus::TimedOut,
        "It took longer than 5 seconds.",
    );
    messages.extend([second.message.clone(), ChatMessage::tool(late)]);
    assert_eq!(calls(&reply(request(messages, &tools))), []);
}

#[test]
fn what_builds_on_a_failure_is_not_done() {
    let translate = Tool::function("translate", "Translate text")
        .parameter("text", "string", "Text to translate", true)
        .parameter("language", "string", "Language to translate into", true);
    let fetch =
        Tool::function("read_file", "Read a file").parameter("path", "string", "Path", true);
    let tools = [fetch, translate];
    let task = "Read a.txt and translate it into French";
    let first = ask(task, &tools);
    let failed = ToolResult::unexecuted(&first.tool_calls[0], ToolStatus::Failed, "no such file");
    let second = reply(request(answered(task, &first, vec![failed]), &tools));
    let expected = "**a.txt**: `read_file` failed: no such file\n\n\
                    I did not call `translate`: it needs the result of a call that failed.";
    assert_eq!(second.content_text(), Some(expected));
}

#[test]
fn a_result_is_used_by_the_call_that_needs_it() {
    let calculator = Tool::function("calculator", "Calculate").parameter(
        "expression",
        "string",
        "An expression",
        true,
    );
    let tools = [calculator];
    let task = "What is 6*7? Then subtract 2 from it.";
    let first = ask(task, &tools);
    assert_eq!(expressions(&first), ["6*7"]);
    let result =
        ToolResult::executed(&first.tool_calls[0], json!({ "expression": "6*7", "result": 42 }));
    let second = reply(request(answered(task, &first, vec![result]), &tools));
    assert_eq!(expressions(&second), ["42 - 2"]);
}

#[test]
fn a_further_turn_can_refer_to_the_one_before() {
    let calculator = Tool::function("calculator", "Calculate").parameter(
        "expression",
        "string",
        "An expression",
        true,
    );
    let tools = [calculator];
    let first = ask("6*7", &tools);
    let mut messages =
        answered("6*7", &first, vec![ToolResult::executed(&first.tool_calls[0], json!(42))]);
    messages.extend([ChatMessage::assistant("42"), ChatMessage::user("Divide that by 4")]);
    assert_eq!(expressions(&reply(request(messages, &tools))), ["42 / 4"]);
}

#[test]
fn changed_arguments_are_the_ones_that_are_told() {
    let task = "Weather in Oslo?";
    let first = ask(task, &[weather()]);
    let mut result = ToolResult::executed(&first.tool_calls[0], json!("snow"));
    result.modified_arguments = Some(json!({ "city": "Bergen" }));
    let second = reply(request(answered(task, &first, vec![result]), &[weather()]));
    assert_eq!(second.content_text(), Some("**Bergen**: snow"));
}

#[test]
fn the_final_answer_is_called_with_what_was_gathered() {
    let finish = Tool::function("finalAnswer", "Provide final answer").parameter(
        "answer",
        "string",
        "The answer",
        true,
    );
    let tools = [weather(), finish];
    let task = "Weather in Oslo?";
    let first = ask(task, &tools);
    assert_eq!(calls(&first), [city("Oslo")]);
    let result = ToolResult::executed(&first.tool_calls[0], json!("snow"));
    let second = reply(request(answered(task, &first, vec![result]), &tools));
    let expected = [("finalAnswer".to_owned(), json!({ "answer": "**Oslo**: snow" }))];
    assert_eq!(calls(&second), expected);
}

fn expressions(reply: &ChatResponse) -> Vec<String> {
    let expression =
        |(_, arguments): (String, Value)| arguments["expression"].as_str().map(str::to_owned);
    calls(reply).into_iter().filter_map(expression).collect()
}

fn contents(request: &ChatRequest) -> Vec<String> {
    let content = |event| match event {
        ModelEvent::Delta(delta) => delta.content,
        _ => None,
    };
    events(request).into_iter().filter_map(content).collect()
}
