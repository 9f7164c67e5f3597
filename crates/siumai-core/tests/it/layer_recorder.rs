//! The layer that writes exchanges down: what it lets pass, what it writes and when, and what it never writes.
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError,
    model::{Delta, LanguageModel, ModelEvent, ToolCallDelta, layers::Recorder},
    testing::{Reply, ScriptedModel},
    types::{
        ChatMessage, ChatRequest, FinishReason, Origin, Settings, Tool, ToolChoice, Usage, Warning,
    },
    user,
};

use crate::layer_stand_ins::{Listed, ask, events, failure, request, says};

/// A file that is shared with who reads it.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    flushed: usize,
    /// How many bytes still fit.
    room: Option<usize>,
}

impl Shared {
    /// A file on a disk that has this many bytes left.
    fn with_room(bytes: usize) -> Self {
        let file = Self::default();
        file.0.lock().unwrap().room = Some(bytes);
        file
    }

    /// What would be there if the machine died.
    pub(crate) fn text(&self) -> String {
        let written = self.0.lock().unwrap();
        String::from_utf8(written.bytes[..written.flushed].to_vec()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// How each exchange ended, in the order of the file.
    fn endings(&self) -> Vec<Value> {
        let lines = self.lines();
        let exchanges = lines.iter().filter_map(|it| it.get("exchange"));
        exchanges.map(|it| it["ended"].clone()).collect()
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap();
        let fits = written.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if fits == 0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
        }
        written.room = written.room.map(|room| room - fits);
        written.bytes.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut written = self.0.lock().unwrap();
        written.flushed = written.bytes.len();
        Ok(())
    }
}

const HEADER: &str = r#"{"format":"siumai recording","version":1}"#;

#[tokio::test]
async fn the_file_says_what_it_is_and_has_a_line_an_exchange() {
    let file = Shared::default();
    let refused = failure(ErrorKind::RateLimited)
        .with_status(429)
        .with_code("slow_down")
        .with_request_id("req_1")
        .with_attempts(3)
        .with_retry_after(Duration::from_millis(1500));
    let answer = events([
        ModelEvent::start(Some("reply_1".into()), None),
        ModelEvent::content("Hi"),
        ModelEvent::Delta(Delta::tool_call(ToolCallDelta::begin(0, "call_1", "look"))),
        ModelEvent::Warning(Warning::Unsupported { what: "no seed".into() }),
        ModelEvent::Origin(Origin::new("example", "[1]")),
        ModelEvent::finish(FinishReason::ToolCalls, Some(Usage::new(3, 2))),
    ]);
    let recorder = Recorder::new(Listed::new("one", [answer, Err(refused)]), file.clone());
    assert_eq!(file.text(), format!("{HEADER}\n"));

    let settings = Settings { seed: Some(7), ..Default::default() };
    let request = ChatRequest::new(vec![ChatMessage::system("Be brief."), user!("Hi")])
        .with_tools(vec![Tool::function("look", "Looks")])
        .with_tool_choice(ToolChoice::Required)
        .with_settings(settings)
        .whole();
    recorder.stream(request).await.unwrap().collect::<Vec<_>>().await;
    recorder.stream(ChatRequest::new(vec![user!("Ho")])).await.err().unwrap();
    drop(recorder);
    insta::assert_snapshot!(file.text());
}

#[tokio::test]
async fn everything_passes_through_as_it_came() {
    let answers = || {
        [
            events([
                ModelEvent::start(None, Some("m".into())),
                ModelEvent::content(""),
                ModelEvent::content("a"),
                ModelEvent::finish(FinishReason::Stop, None),
                ModelEvent::content("after the end"),
            ]),
            Ok(vec![
                Ok(ModelEvent::content("b")),
                Err(failure(ErrorKind::Overloaded)),
                Ok(ModelEvent::content("after the error")),
            ]),
            events([ModelEvent::content("c")]),
            Err(failure(ErrorKind::Server).with_status(500)),
        ]
    };
    let plain = Listed::new("m", answers());
    let recorder = Recorder::new(Listed::new("m", answers()), io::sink());
    assert_eq!((recorder.provider(), recorder.model()), ("listed", "m"));
    for _ in answers() {
        let (expected, seen) = (given(&plain).await, given(&recorder).await);
        assert_eq!(format!("{seen:?}"), format!("{expected:?}"));
    }
}

async fn given(model: &impl LanguageModel) -> Result<Vec<Result<ModelEvent, LlmError>>, LlmError> {
    Ok(model.stream(request()).await?.collect().await)
}

#[tokio::test]
async fn an_exchange_is_flushed_when_it_has_ended_and_not_before() {
    let file = Shared::default();
    let recorder = Recorder::new(Listed::new("m", [says("a")]), file.clone());
    let mut reply = recorder.stream(request()).await.unwrap();
    reply.next().await.unwrap().unwrap();
    assert_eq!(file.lines().len(), 1);
    reply.next().await.unwrap().unwrap();
    assert_eq!(file.endings(), [json!("finished")], "whoever has the last event may die with it");
    drop(reply);
    recorder.finish().unwrap();
    assert_eq!(file.lines()[2..], [json!({ "end": { "exchanges": 1 } })]);
    drop(recorder);
    assert_eq!(file.lines().len(), 3, "a recording ends once");
}

#[tokio::test(start_paused = true)]
async fn how_an_exchange_ended_is_said() {
    let file = Shared::default();
    let model = ScriptedModel::new()
        .then(Reply::text("one two").cut())
        .then(Reply::text("one").fail(failure(ErrorKind::Overloaded)))
        .then(Reply::text("one two three"))
        .then(Reply::text("one").wait(Duration::from_secs(9)))
        .then(Reply::text("one").delayed(Duration::from_secs(9)));
    let recorder = Recorder::new(model, file.clone());
    for _ in 0..2 {
        ask(&recorder).await.unwrap_err();
    }
    let mut reply = recorder.stream(request()).await.unwrap();
    reply.next().await.unwrap().unwrap();
    drop(reply);
    let mut reply = recorder.stream(request()).await.unwrap();
    reply.next().await.unwrap().unwrap();
    assert!(reply.next().now_or_never().is_none());
    drop(reply);
    assert!(recorder.stream(request()).now_or_never().is_none());
    let failed = json!({ "failed": { "kind": "overloaded", "message": "it failed" } });
    let dropped = json!("dropped");
    let expected = [json!("broke_off"), failed, dropped.clone(), dropped.clone(), dropped];
    assert_eq!(file.endings(), expected);
    let exchange = &file.lines()[3]["exchange"];
    assert_eq!(exchange["events"], json!([{ "delta": { "content": "one " } }]));
}

#[tokio::test(start_paused = true)]
async fn exchanges_side_by_side_have_a_line_each_and_the_number_of_their_beginning() {
    let file = Shared::default();
    let waits = (0..20).map(|n| Duration::from_millis(20 - n));
    let replies = waits.map(|it| Reply::text("a b c d").wait(it));
    let model = replies.fold(ScriptedModel::new(), ScriptedModel::then);
    let recorder = Recorder::new(model, file.clone());
    let replies = join_all((0..20).map(|_| ask(&recorder))).await;
    assert!(replies.iter().all(Result::is_ok));
    let lines = file.lines();
    let numbers: Vec<_> = lines[1..].iter().map(|it| it["exchange"]["number"].clone()).collect();
    let expected: Vec<_> = (1..=20).rev().map(Value::from).collect();
    assert_eq!(numbers, expected, "the last to begin was the first to end");
}

#[tokio::test]
async fn a_writer_that_fails_takes_no_reply_away_and_is_told_of() {
    let answers = [
        says("one"),
        says("two"),
        Err(failure(ErrorKind::Overloaded)),
        Ok(vec![Err(failure(ErrorKind::Server))]),
        events([ModelEvent::content("five")]),
    ];
    let file = Shared::with_room(HEADER.len() + 20);
    let recorder = Recorder::new(Listed::new("m", answers), file.clone());
    let unwritten = Warning::NotRecorded { error: "the disk is full".into() };
    for text in ["one", "two"] {
        let reply = ask(&recorder).await.unwrap();
        assert_eq!(reply.content_text(), Some(text));
        assert_eq!(reply.warnings, std::slice::from_ref(&unwritten));
    }
    for kind in [ErrorKind::Overloaded, ErrorKind::Server] {
        let error = ask(&recorder).await.unwrap_err();
        let text = "it failed; this exchange was not recorded: the disk is full";
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
    }
    let items: Vec<_> = recorder.stream(request()).await.unwrap().collect().await;
    assert_eq!(items.last().unwrap().as_ref().unwrap(), &ModelEvent::Warning(unwritten));
    let error = recorder.finish().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.text(), format!("{HEADER}\n"), "half a line is not flushed");
}

#[tokio::test]
async fn a_writer_that_takes_nothing_at_all_is_told_of() {
    let recorder = Recorder::new(Listed::new("m", [says("one")]), Shared::with_room(0));
    let warnings = ask(&recorder).await.unwrap().warnings;
    assert_eq!(warnings, [Warning::NotRecorded { error: "the disk is full".into() }]);
}

#[tokio::test]
async fn an_exchange_that_ends_after_the_recording_is_not_in_it_and_says_so() {
    let file = Shared::default();
    let recorder = Recorder::new(Listed::new("m", [says("late")]), file.clone());
    let reply = recorder.stream(request()).await.unwrap();
    recorder.finish().unwrap();
    let reply = siumai_core::model::collect(reply).await.unwrap();
    let text = "this exchange was not recorded: the recording had been finished";
    assert_eq!(reply.warnings[0].to_string(), text);
    assert_eq!(file.lines()[1..], [json!({ "end": { "exchanges": 1 } })]);
}

#[tokio::test]
async fn a_secret_that_was_told_is_never_written() {
    const CANARY: &str = "sk-\"canary\"/🔑";
    let file = Shared::default();
    let quoted = json!({ "key": CANARY }).to_string();
    let pieces = CANARY.chars().map(|it| ModelEvent::content(it.to_string()));
    let call =
        ToolCallDelta { arguments: quoted.clone(), ..ToolCallDelta::begin(0, CANARY, CANARY) };
    let answer = events(
        [ModelEvent::start(Some(CANARY.into()), Some(CANARY.into()))]
            .into_iter()
            .chain(pieces)
            .chain([
                ModelEvent::Delta(Delta::reasoning(CANARY)),
                ModelEvent::Delta(Delta::tool_call(call)),
                ModelEvent::Warning(Warning::Unsupported { what: CANARY.into() }),
                ModelEvent::Origin(Origin::new("example", json!([quoted]).to_string())),
                ModelEvent::finish(FinishReason::Other(CANARY.into()), None),
            ]),
    );
    let error = LlmError::new(ErrorKind::Authentication, format!("wrong key: {CANARY}"))
        .with_code(CANARY)
        .with_request_id(CANARY);
    let model = Listed::new("m", [answer, Err(error.clone()), Ok(vec![Err(error)])]);
    let recorder = Recorder::new(model, file.clone()).scrub(CANARY);
    for _ in 0..3 {
        let mut settings = Settings { reasoning_effort: Some(CANARY.into()), ..Default::default() };
        settings.extra.insert(CANARY.into(), json!([{ "key": CANARY }]));
        let tool = Tool::function_with_schema("look", CANARY, json!({ "default": CANARY }));
        let request = ChatRequest::new(vec![ChatMessage::system(CANARY), user!(CANARY)])
            .with_tools(vec![tool])
            .with_tool_choice(ToolChoice::Specific { tool_name: CANARY.into() })
            .with_settings(settings);
        if let Ok(reply) = recorder.stream(request).await {
            reply.collect::<Vec<_>>().await;
        }
    }
    assert!(!format!("{recorder:?}").contains("canary"));
    drop(recorder);
    let text = file.text();
    assert!(!text.contains("canary") && !text.contains('🔑'), "{text}");
    assert_eq!(file.lines().len(), 5);
    insta::assert_snapshot!(text);
}

#[test]
fn a_recorder_is_told_nothing_of_its_writer_in_debug() {
    let recorder = Recorder::new(ScriptedModel::new(), io::sink()).scrub("canary");
    assert!(format!("{recorder:?}").starts_with("Recorder { model: ScriptedModel { "));
}
