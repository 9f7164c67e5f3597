use serde_json::{Value, json};
use siumai_core::{
    assistant,
    types::{ChatRequest, Origin, Settings},
    user,
};

use super::{
    super::tests::{MODEL, a_call, a_result, a_tool, asked, said, text, written},
    *,
};

#[test]
fn settings_are_told_in_the_words_of_the_wire() {
    let settings = Settings {
        temperature: Some(0.5),
        max_output_tokens: Some(100),
        stop_sequences: vec!["END".into()],
        response_format: Some(ResponseFormat::JsonSchema {
            name: "city".into(),
            schema: json!({ "type": "object" }),
            strict: true,
        }),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hi")]).whole().with_settings(settings);
    let expected = json!({
        "model": MODEL,
        "max_tokens": 100,
        "stream": false,
        "temperature": 0.5,
        "stop_sequences": ["END"],
        "output_config": { "format": {
            "type": "json_schema",
            "schema": { "type": "object", "additionalProperties": false },
        } },
        "messages": [{ "role": "user", "content": [text("Hi")] }],
    });
    assert_eq!(written(&request), expected);
}

#[test]
fn settings_that_the_provider_lacks_are_warned_of() {
    let settings = Settings {
        seed: Some(7),
        temperature: Some(1.5),
        top_p: Some(0.9),
        response_format: Some(ResponseFormat::Json),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hi")]).with_settings(settings);
    let (body, warnings) = asked(MODEL, &request);
    assert_eq!((&body["temperature"], body.get("top_p")), (&json!(1.0), None));
    assert_eq!(
        warnings,
        [
            "Anthropic's temperature ends at 1, which was sent",
            "`claude-sonnet-4-5` takes a temperature or top_p, not both; top_p was left out",
            "Anthropic writes JSON by a schema alone; the format was left out",
            "Anthropic takes no seed; it was left out",
        ]
    );
    let (body, warnings) = asked("claude-opus-4-7", &request);
    assert_eq!((body.get("temperature"), body.get("top_p")), (None, None));
    assert_eq!(warnings[0], "`claude-opus-4-7` takes no temperature; it was left out");
    assert_eq!(warnings[1], "`claude-opus-4-7` takes no top_p; it was left out");
}

#[test]
fn a_raw_field_replaces_what_is_written() {
    let mut settings = Settings { max_output_tokens: Some(5), ..Settings::default() };
    settings.extra.insert("max_tokens".into(), json!(7));
    settings.extra.insert("metadata".into(), json!({ "user_id": "u" }));
    let body = written(&ChatRequest::new(vec![user!("Hi")]).with_settings(settings));
    assert_eq!((&body["max_tokens"], &body["metadata"]["user_id"]), (&json!(7), &json!("u")));
}

fn thinks(model: &str, effort: &str, limit: Option<u32>) -> (Value, Vec<String>) {
    let settings = Settings {
        reasoning_effort: Some(effort.to_owned()),
        max_output_tokens: limit,
        temperature: Some(1.0),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hi")]).with_settings(settings);
    let (body, warnings) = asked(model, &request);
    (json!([body.get("thinking"), body.get("output_config")]), warnings)
}

#[test]
fn a_reasoning_effort_is_told_as_the_model_knows_it() {
    let budget = |tokens| json!([{ "type": "enabled", "budget_tokens": tokens }, null]);
    let effort = |effort: &str| json!([{ "type": "adaptive" }, { "effort": effort }]);
    let cases = [
        ("claude-sonnet-4-5", "minimal", None, budget(3_200)),
        ("claude-3-7-sonnet-20250219", "low", None, budget(6_400)),
        ("claude-opus-4@20250514", "medium", None, budget(16_000)),
        ("anthropic/claude-sonnet-4.5", "high", None, budget(25_600)),
        ("kimi-k2", "max", None, budget(7_695)),
        ("claude-haiku-4-5", "low", Some(2_000), budget(1_024)),
        ("claude-haiku-4-5", "none", None, json!([null, null])),
        ("us.anthropic.claude-opus-4-6-v1:0", "minimal", None, effort("low")),
        ("claude-sonnet-5", "high", None, effort("high")),
        ("claude-mythos-preview", "xhigh", None, effort("xhigh")),
        ("claude-opus-4-8", "none", None, json!([null, null])),
        ("claude-opus-5", "none", None, json!([{ "type": "disabled" }, null])),
        ("glm-4.6", "none", None, json!([{ "type": "disabled" }, null])),
    ];
    for (model, word, limit, expected) in cases {
        assert_eq!(thinks(model, word, limit), (expected, vec![]), "{model} {word}");
    }
}

#[test]
fn an_effort_that_cannot_be_made_is_warned_of() {
    let nothing = || json!([null, null]);
    let cases = [
        (
            "claude-3-5-haiku-20241022",
            "low",
            None,
            "`claude-3-5-haiku-20241022` can't think; the reasoning effort was left out",
        ),
        (
            "claude-sonnet-4-5",
            "much",
            None,
            "`much` is no reasoning effort of `claude-sonnet-4-5`; `claude-sonnet-4-5` answers \
             without thinking",
        ),
        (
            "claude-sonnet-4-5",
            "high",
            Some(1_000),
            "thinking takes 1024 tokens at least, of 1000 in all; `claude-sonnet-4-5` answers \
             without thinking",
        ),
    ];
    for (model, word, limit, said) in cases {
        assert_eq!(thinks(model, word, limit), (nothing(), vec![said.to_owned()]));
    }
}

#[test]
fn a_turn_thinks_from_its_beginning_or_not_at_all() {
    let settings = Settings { reasoning_effort: Some("low".into()), ..Settings::default() };
    let thinks = |model: &str, history: Vec<ChatMessage>, choice: ToolChoice| {
        let request = ChatRequest::new(history).with_tools(vec![a_tool()]);
        let request = request.with_settings(settings.clone()).with_tool_choice(choice);
        let (body, warnings) = asked(model, &request);
        (body.get("thinking").is_some(), warnings)
    };
    let thoughtless =
        [said(vec![a_call("a", json!({}))]), ChatMessage::tool(a_result("a", json!(1)))];
    let signed = r#"[{"type":"redacted_thinking","data":"x"},{"type":"tool_use","id":"a","name":"add","input":{}}]"#;
    let signed = [
        thoughtless[0].clone().with_origin(Origin::new("anthropic", signed)),
        thoughtless[1].clone(),
    ];
    let turn = |exchange: &[ChatMessage]| [&[user!("Add")], exchange].concat();

    let forced = "a tool call can't be forced on a model that thinks; `claude-sonnet-4-5` answers without thinking";
    assert_eq!(thinks(MODEL, turn(&[]), ToolChoice::Required), (false, vec![forced.to_owned()]));
    assert_eq!(thinks("claude-opus-4-6", turn(&[]), ToolChoice::Required), (true, vec![]));
    let began = "a turn that began without thinking can't go on with it; `claude-sonnet-4-5` answers without thinking";
    assert_eq!(
        thinks(MODEL, turn(&thoughtless), ToolChoice::Auto),
        (false, vec![began.to_owned()])
    );
    assert_eq!(thinks(MODEL, turn(&signed), ToolChoice::Auto), (true, vec![]));
    assert_eq!(thinks("kimi-k2", turn(&thoughtless), ToolChoice::Auto), (true, vec![]));
    let later = [turn(&thoughtless), vec![assistant!("1"), user!("Again")]].concat();
    assert_eq!(thinks(MODEL, later, ToolChoice::Auto), (true, vec![]));
}

#[test]
fn a_model_that_thinks_has_no_temperature() {
    let settings = Settings {
        reasoning_effort: Some("low".into()),
        temperature: Some(0.2),
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hi")]).with_settings(settings);
    let (body, warnings) = asked(MODEL, &request);
    assert_eq!(body.get("temperature"), None);
    let said = "`claude-sonnet-4-5` takes no temperature while it thinks; it was left out";
    assert_eq!(warnings, [said]);
}

#[test]
fn a_reply_may_be_as_long_as_the_model_can_write() {
    let limit =
        |model: &str| asked(model, &ChatRequest::new(vec![user!("Hi")])).0["max_tokens"].clone();
    let limits = [
        ("claude-3-haiku-20240307", 4_096),
        ("claude-3-5-sonnet@20241022", 8_192),
        ("claude-3-7-sonnet-latest", 32_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-6", 64_000),
        ("claude-fable-5", 64_000),
        ("deepseek-chat", 8_192),
    ];
    for (model, tokens) in limits {
        assert_eq!(limit(model), tokens, "{model}");
    }
}

#[test]
fn what_an_earlier_model_lacks_is_told_by_what_it_has() {
    let settings = Settings {
        reasoning_effort: Some("xhigh".into()),
        stop_sequences: vec!["END".into(), "\n".into()],
        ..Settings::default()
    };
    let request = ChatRequest::new(vec![user!("Hi")]).with_settings(settings);
    let (body, warnings) = asked("claude-opus-4-6", &request);
    assert_eq!(
        (&body["output_config"]["effort"], &body["stop_sequences"]),
        (&json!("max"), &json!(["END"]))
    );
    assert_eq!(
        warnings,
        ["Anthropic takes no stop sequence of white space alone; it was left out"]
    );
    let (body, _) = asked("claude-opus-4-7", &request);
    assert_eq!(body["output_config"]["effort"], "xhigh");
}

#[test]
fn a_schema_is_told_as_far_as_the_model_can_be_held_to_it() {
    let given = json!({ "type": "array", "maxItems": 3 });
    let format =
        ResponseFormat::JsonSchema { name: "tags".into(), schema: given.clone(), strict: true };
    let settings = Settings { response_format: Some(format), ..Settings::default() };
    let request = ChatRequest::new(vec![user!("Hi")]).with_settings(settings);
    let (body, warnings) = asked(MODEL, &request);
    let schema = json!({ "type": "array", "description": "It must fit {\"maxItems\":3}." });
    assert_eq!(body["output_config"]["format"]["schema"], schema);
    assert_eq!(
        warnings,
        ["Anthropic holds no reply to `maxItems`; the model was told of it in words"]
    );
    let (body, warnings) = asked("kimi-k2", &request);
    assert_eq!((&body["output_config"]["format"]["schema"], warnings.len()), (&given, 0));
    let (body, warnings) = asked("claude-sonnet-4-0", &request);
    assert_eq!(body.get("output_config"), None);
    assert_eq!(warnings, ["`claude-sonnet-4-0` writes no JSON by a schema; it was left out"]);
}
