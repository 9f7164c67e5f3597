//! Histories of all that may stand in one, made up or written out.
use std::sync::Arc;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};
use serde_json::{Value, json};
use siumai_core::types::{
    ChatMessage, ContentPart, Media, Origin, Role, Source, ToolCall, ToolResult, ToolStatus,
};

pub(crate) const STATUSES: [ToolStatus; 9] = [
    ToolStatus::Executed,
    ToolStatus::Failed,
    ToolStatus::Invalid,
    ToolStatus::Denied,
    ToolStatus::TimedOut,
    ToolStatus::Cancelled,
    ToolStatus::Interrupted,
    ToolStatus::Indeterminate,
    ToolStatus::Pending,
];

/// Any history that a provider accepts.
pub(crate) fn histories() -> impl Strategy<Value = Vec<ChatMessage>> {
    let system = vec(words().prop_map(ChatMessage::system), 0..2);
    // A conversation may begin with a greeting.
    let greeting = proptest::option::weighted(0.1, words().prop_map(ChatMessage::assistant));
    (system, greeting, vec(exchange(), 0..6)).prop_map(|(mut all, greeting, exchanges)| {
        all.extend(greeting);
        all.extend(exchanges.into_iter().flatten());
        all
    })
}

/// What the user says, and steps.
fn exchange() -> impl Strategy<Value = Vec<ChatMessage>> {
    let system = proptest::option::weighted(0.1, words().prop_map(ChatMessage::system));
    let asked = vec(vec(asked(), 0..3).prop_map(|it| ChatMessage::new(Role::User, it)), 1..3);
    (asked, system, vec(step(), 0..4)).prop_map(|(mut all, system, steps)| {
        all.extend(system);
        all.extend(steps.into_iter().flatten());
        all
    })
}

/// A reply, and the results of its calls, in messages of their own or in one.
fn step() -> impl Strategy<Value = Vec<ChatMessage>> {
    let said = (vec(said(), 0..4), vec((arguments(), outcome()), 0..4));
    let origin = proptest::option::of((select(&["anthropic", "gemini"][..]), words()));
    (said, origin, any::<bool>()).prop_map(|((mut parts, calls), origin, is_together)| {
        let made =
            calls.into_iter().enumerate().map(|(at, (arguments, (status, output, modified)))| {
                let call = ToolCall { id: format!("call_{at}"), name: "look".into(), arguments };
                let mut result = ToolResult::executed(&call, output);
                (result.status, result.modified_arguments) = (status, modified);
                if at == 3 {
                    result.truncate(8);
                }
                (ContentPart::ToolCall(call.into()), ContentPart::ToolResult(result.into()))
            });
        let (calls, results): (Vec<_>, Vec<_>) = made.unzip();
        parts.extend(calls);
        let mut reply = ChatMessage::new(Role::Assistant, parts);
        if let Some((wire, content)) = origin {
            reply = reply.with_origin(Origin::new(wire, json!([{ "text": content }]).to_string()));
        }
        let results: Vec<_> = if is_together && !results.is_empty() {
            vec![results]
        } else {
            results.into_iter().map(|it| vec![it]).collect()
        };
        let results = results.into_iter().map(|it| ChatMessage::new(Role::Tool, it));
        std::iter::once(reply).chain(results).collect()
    })
}

fn asked() -> impl Strategy<Value = ContentPart> {
    let bytes = || vec(any::<u8>(), 0..6);
    prop_oneof![
        4 => words().prop_map(ContentPart::text),
        1 => Just(ContentPart::image(Media::url("https://example.com/owl.png"))),
        1 => bytes().prop_map(|it| ContentPart::image(Media::bytes("image/png", it))),
        1 => (bytes(), words()).prop_map(|(bytes, name)| {
            ContentPart::file(Media::bytes("application/pdf", bytes), name)
        }),
        1 => Just(ContentPart::unnamed_file(Media::typed_url("text/plain", "https://example.com/a"))),
    ]
}

fn said() -> impl Strategy<Value = ContentPart> {
    prop_oneof![
        words().prop_map(ContentPart::text),
        words().prop_map(ContentPart::reasoning),
        words().prop_map(ContentPart::refusal),
        words().prop_map(|it| ContentPart::Source(Source::url(&it).with_title(&it).with_quote(it))),
    ]
}

fn outcome() -> impl Strategy<Value = (ToolStatus, Value, Option<Value>)> {
    (select(&STATUSES[..]), output(), proptest::option::of(arguments()))
}

fn output() -> impl Strategy<Value = Value> {
    prop_oneof![
        words().prop_map(Value::from),
        Just(json!("A page about owls. ".repeat(20))),
        (any::<f64>(), any::<u64>(), any::<i64>())
            .prop_map(|it| json!({ "numbers": it, "none": null })),
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    prop_oneof![
        words().prop_map(|it| json!({ "what": it })),
        Just(json!({})),
        Just(json!("{\"cut"))
    ]
}

const WORDS: [&str; 8] =
    ["", " ", "owl", "an owl in a tree", "né€🦉", "two\nlines", "\"quoted\\\"", "\0\u{7f}"];

fn words() -> impl Strategy<Value = String> {
    select(&WORDS[..]).prop_map(str::to_owned)
}

/// One of everything that may stand in a history.
pub(crate) fn one_of_everything() -> Vec<ChatMessage> {
    let media = |bytes: &'static [u8]| Media::bytes("image/png", bytes);
    let asked = vec![
        ContentPart::text("What is this? \u{1f989}\n"),
        ContentPart::image(Media::url("https://example.com/owl.png")),
        ContentPart::image(media(b"\x89PNG\r\n")),
        ContentPart::file(Media::bytes("application/pdf", *b"%PDF-1.7"), "owls.pdf"),
        ContentPart::unnamed_file(Media::typed_url("text/plain", "https://example.com/owls.txt")),
    ];
    let call = |at: usize, arguments: Value| {
        Arc::new(ToolCall { id: format!("call_{at}"), name: "look_up".into(), arguments })
    };
    let calls: Vec<_> = (0..STATUSES.len()).map(|at| call(at, json!({ "page": at }))).collect();
    let unreadable = call(STATUSES.len(), json!("{\"page\": "));
    let told = "It was not looked up.";
    let results = calls.iter().zip(STATUSES).map(|(call, status)| match status {
        ToolStatus::Executed => {
            let output =
                json!({ "float": 0.1, "large": u64::MAX, "small": i64::MIN, "none": null });
            let mut result = ToolResult::executed(call, output);
            result.modified_arguments = Some(json!({ "page": 7 }));
            result.modified_name = Some("look".to_owned());
            result.note = Some("You have asked that before.".to_owned());
            result
        }
        other => ToolResult::unexecuted(call, other, told),
    });
    let mut cut = ToolResult::executed(&unreadable, json!("a long page"));
    cut.truncate(6);
    let results = results.chain([cut]).map(ChatMessage::tool);

    let mut said = vec![ContentPart::reasoning("An owl?"), ContentPart::text("Let me look.")];
    said.extend(calls.iter().chain([&unreadable]).map(|it| ContentPart::ToolCall(Arc::clone(it))));
    let said = ChatMessage::new(Role::Assistant, said)
        .with_origin(Origin::new("anthropic", r#"[{"type":"thinking","signature":"c2ln"}]"#));
    let source = Source::url("https://example.com").with_title("Owls").with_quote("They fly.");
    let answer = vec![
        ContentPart::text("An owl."),
        ContentPart::Source(source),
        ContentPart::refusal("I can't say more."),
    ];
    let mut all = vec![ChatMessage::system("Be brief."), ChatMessage::new(Role::User, asked), said];
    all.extend(results);
    all.push(ChatMessage::new(Role::Assistant, answer));
    all
}
