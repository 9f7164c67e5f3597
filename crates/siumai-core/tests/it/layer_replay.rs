//! The layer that answers by a recording: what it takes for the same request, and what it says where it can't answer.
use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::json;
use siumai_core::{
    ErrorKind, LlmError,
    model::{
        LanguageModel, ModelEvent, collect,
        layers::{Recorder, Replay},
    },
    testing::{Reply, ScriptedModel},
    types::{
        ChatMessage, ChatRequest, FinishReason, Origin, Settings, Tool, ToolChoice, ToolResult,
    },
    user,
};

use crate::{
    fixtures::{call, calling},
    layer_recorder::Shared,
    layer_stand_ins::{Listed, events, failure},
};

/// The recording of a model that is asked this, one after the other, each time to the end.
async fn recording(
    model: impl LanguageModel,
    requests: impl IntoIterator<Item = ChatRequest>,
) -> String {
    let file = Shared::default();
    let recorder = Recorder::new(model, file.clone());
    for request in requests {
        if let Ok(reply) = recorder.stream(request).await {
            reply.collect::<Vec<_>>().await;
        }
    }
    drop(recorder);
    file.text()
}

fn asks(text: &str) -> ChatRequest {
    ChatRequest::new(vec![user!(text)])
}

async fn text(model: &impl LanguageModel, request: ChatRequest) -> Result<String, LlmError> {
    let reply = collect(model.stream(request).await?).await?;
    Ok(reply.content_text().unwrap_or_default().to_owned())
}

async fn refusal(replay: &Replay, request: ChatRequest) -> String {
    let error = replay.stream(request).await.err().expect("it is not to be answered");
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, Some("not_recorded")));
    error.to_string()
}

#[tokio::test]
async fn a_request_is_answered_whenever_it_comes() {
    let model = ScriptedModel::new().reply("A").reply("B").reply("C");
    let file = recording(model, ["a", "b", "c"].map(asks)).await;
    let replay: Replay = file.parse().unwrap();
    assert_eq!((replay.provider(), replay.model()), ("scripted", "script"));
    let answers = join_all(["c", "a", "b"].map(|it| text(&replay, asks(it)))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, ["C", "A", "B"]);
}

#[tokio::test(start_paused = true)]
async fn the_answers_to_equal_requests_come_in_the_order_in_which_they_were_asked() {
    let file = Shared::default();
    let slow = Reply::text("first").wait(Duration::from_secs(1));
    let model = ScriptedModel::new().then(slow).reply("second").reply("third");
    let recorder = Recorder::new(model, file.clone());
    join_all([asks("a"), asks("a")].map(|it| text(&recorder, it))).await;
    text(&recorder, asks("a")).await.unwrap();
    drop(recorder);
    let replay: Replay = file.text().parse().unwrap();
    for expected in ["first", "second", "third"] {
        assert_eq!(text(&replay, asks("a")).await.unwrap(), expected);
    }
    assert_eq!(
        refusal(&replay, asks("a")).await,
        "this request was recorded 3 times, and every answer has been played; record a run that \
         asks as often"
    );
}

#[tokio::test]
async fn what_is_left_can_be_asked() {
    let model = ScriptedModel::new().reply("A").reply("B");
    let file = recording(model, ["a", "b"].map(asks)).await;
    let replay: Replay = file.parse().unwrap();
    assert_eq!(replay.remaining(), 2);
    text(&replay, asks("b")).await.unwrap();
    refusal(&replay, asks("b")).await;
    assert_eq!(replay.remaining(), 1);
    let shown = r#"Replay { provider: "scripted", model: "script", remaining: 1, lost: None, .. }"#;
    assert_eq!(format!("{replay:?}"), shown);
}

#[tokio::test]
async fn what_the_model_does_not_see_makes_no_other_request() {
    let (look, find) = (|| Tool::function("look", "Looks"), || Tool::function("find", "Finds"));
    let said = |origin: &str| ChatMessage::assistant("B").with_origin(Origin::new("x", origin));
    let extra =
        |text: &str| Settings { extra: serde_json::from_str(text).unwrap(), ..Default::default() };
    let recorded = ChatRequest::new(vec![user!("a"), said("1"), user!("c")])
        .with_tools(vec![look(), find()])
        .with_settings(extra(r#"{"a": 1, "b": 2}"#))
        .whole();
    let file = recording(ScriptedModel::new().reply("D"), [recorded]).await;
    let replay: Replay = file.parse().unwrap();
    let asked = ChatRequest::new(vec![user!("a"), said("2"), user!("c")])
        .with_tools(vec![find().read_only(), look().exclusive()])
        .with_settings(extra(r#"{"b": 2, "a": 1}"#))
        .with_deadline(tokio::time::Instant::now().into_std());
    assert_eq!(text(&replay, asked).await.unwrap(), "D");
}

#[tokio::test]
async fn a_reply_comes_in_the_same_pieces_and_rather_as_it_is_wanted() {
    let answers = ["whole", "streamed"].map(|it| {
        events([
            ModelEvent::content(it),
            ModelEvent::content("!"),
            ModelEvent::finish(FinishReason::Stop, None),
        ])
    });
    let file = recording(Listed::new("m", answers), [asks("a").whole(), asks("a")]).await;
    let replay: Replay = file.parse().unwrap();
    let pieces = async |request| {
        let items: Vec<_> = replay.stream(request).await.unwrap().collect().await;
        format!("{:?}", items[0].as_ref().unwrap())
    };
    assert!(pieces(asks("a")).await.contains("streamed"));
    assert!(pieces(asks("a")).await.contains("whole"));
    assert_eq!(replay.remaining(), 0);
}

#[tokio::test]
async fn an_error_comes_back_as_it_was_and_where_it_was() {
    let error = failure(ErrorKind::RateLimited)
        .with_status(429)
        .with_code("slow_down")
        .with_request_id("req_1")
        .with_retryable(false)
        .with_attempts(3)
        .with_retry_after(Duration::from_millis(1500));
    let answers = [
        Err(error.clone()),
        Ok(vec![Ok(ModelEvent::content("b")), Err(error.clone())]),
        events([ModelEvent::content("c")]),
    ];
    let file = recording(Listed::new("m", answers), ["a", "b", "c"].map(asks)).await;
    let replay: Replay = file.parse().unwrap();
    let refused = replay.stream(asks("a")).await.err().unwrap();
    assert_eq!(format!("{refused:?}"), format!("{error:?}"));
    let items: Vec<_> = replay.stream(asks("b")).await.unwrap().collect().await;
    assert_eq!(format!("{items:?}"), format!("{:?}", [Ok(ModelEvent::content("b")), Err(error)]));
    let items: Vec<_> = replay.stream(asks("c")).await.unwrap().collect().await;
    assert_eq!(items.len(), 1, "a stream that broke off breaks off");
}

#[tokio::test]
async fn a_reply_that_nobody_read_to_its_end_says_so_where_it_ends() {
    let file = Shared::default();
    let recorder = Recorder::new(ScriptedModel::new().reply("one two three"), file.clone());
    let mut read = recorder.stream(asks("a")).await.unwrap();
    read.next().await.unwrap().unwrap();
    drop(read);
    drop(recorder);
    let replay: Replay = file.text().parse().unwrap();
    let items: Vec<_> = replay.stream(asks("a")).await.unwrap().collect().await;
    let [Ok(event), Err(error)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((event, error.kind()), (&ModelEvent::content("one "), ErrorKind::Cancelled));
    assert_eq!(
        error.to_string(),
        "the recording has no more of this reply: whoever asked for it went away then"
    );
}

#[tokio::test]
async fn a_request_that_was_not_recorded_is_told_its_first_difference_and_no_words() {
    let look = |limit: u64| {
        Tool::function_with_schema(
            "look",
            "Looks",
            json!({ "properties": { "n": { "maximum": limit } } }),
        )
    };
    let wants = call("call_1", "now", json!({}));
    let result = |time: &str| ToolResult::executed(&wants, json!({ "time": time, "zone": "UTC" }));
    let history = |time: &str| {
        vec![
            ChatMessage::system("Be brief."),
            user!("canary a"),
            calling([&wants]),
            ChatMessage::tool(result(time)),
        ]
    };
    let first = || vec![ChatMessage::system("Be brief."), user!("canary a")];
    let with = |messages: Vec<ChatMessage>| {
        ChatRequest::new(messages)
            .with_tools(vec![look(3)])
            .with_settings(Settings { seed: Some(1), ..Default::default() })
    };
    let model = ScriptedModel::new().calls("now", json!({})).reply("Done.");
    let file = recording(model, [with(first()), with(history("12:00"))]).await;
    let replay: Replay = file.parse().unwrap();
    let longer = [history("12:00"), vec![user!("canary")]].concat();
    let hotter = Settings { seed: Some(1), temperature: Some(0.5), ..Default::default() };
    let other_call = call("call_1", "canary", json!({}));
    let cases = [
        (
            with(vec![ChatMessage::system("Be canary."), user!("canary a")]),
            "1",
            "system message 1 (system) at `content[0].text`, character 4",
        ),
        (with(vec![user!("canary a")]), "1", "system message 1, which is missing here"),
        (
            with(vec![ChatMessage::system("Be brief."), user!("canary b")]),
            "1",
            "message 1 (user) at `content[0].text`, character 8",
        ),
        (
            with(history("12:01")),
            "2",
            "message 3 (tool `now`) at `content[0].output.time`, character 5",
        ),
        (with(longer), "2", "message 4, which it has not"),
        (
            with([first(), vec![calling([&other_call])]].concat()),
            "2",
            "message 2 (assistant `now`) at `content[0].name`, character 1",
        ),
        (
            with(first()).with_tools(vec![look(4)]),
            "1",
            "the tool `look` at `parameters.properties.n.maximum`",
        ),
        (with(first()).with_tools(vec![]), "1", "the tool `look`, which is missing here"),
        (
            with(first()).with_tools(vec![look(3), Tool::function("find", "canary")]),
            "1",
            "the tool `find`, which it has not",
        ),
        (with(first()).with_tools(vec![look(3), look(3)]), "1", "the tools"),
        (with(first()).with_tool_choice(ToolChoice::Required), "1", "the tool choice"),
        (with(first()).with_settings(hotter), "1", "the settings at `temperature`"),
        (with(first()).with_settings(Settings::default()), "1", "the settings at `seed`"),
    ];
    for (request, exchange, place) in cases {
        let expected = format!(
            "this request was not recorded; exchange {exchange}, the nearest, differs in {place}; \
             ask what was asked, or record again"
        );
        assert_eq!(refusal(&replay, request).await, expected);
    }
    assert_eq!(replay.remaining(), 2, "nothing was played");
}

#[tokio::test]
async fn a_replay_that_is_told_the_same_secrets_knows_the_request() {
    let file = Shared::default();
    let recorder =
        Recorder::new(ScriptedModel::new().reply("sk-1 it is"), file.clone()).scrub("sk-1");
    text(&recorder, asks("Is it sk-1?")).await.unwrap();
    drop(recorder);
    let file = file.text();
    let replay: Replay = file.parse().unwrap();
    assert_eq!(
        refusal(&replay, asks("Is it sk-1?")).await,
        "this request was not recorded; exchange 1, the nearest, differs in message 1 (user) at \
         `content[0].text`, character 7, where a secret was scrubbed that the replay was not told; \
         ask what was asked, or record again"
    );
    let replay = file.parse::<Replay>().unwrap().scrub("sk-1");
    assert_eq!(text(&replay, asks("Is it sk-1?")).await.unwrap(), "[secret] it is");

    let file = recording(ScriptedModel::new().reply("Yes"), [asks("Is it sk-1?")]).await;
    let replay = file.parse::<Replay>().unwrap().scrub("sk-1");
    assert_eq!(text(&replay, asks("Is it sk-1?")).await.unwrap(), "Yes");
}

#[tokio::test]
async fn a_recording_without_an_exchange_answers_nothing() {
    let replay: Replay = recording(ScriptedModel::new(), []).await.parse().unwrap();
    assert_eq!((replay.provider(), replay.model(), replay.lost()), ("replay", "none", None));
    let text = "the recording holds no exchange; record again";
    assert_eq!(refusal(&replay, asks("a")).await, text);
}

#[tokio::test]
async fn a_recording_that_broke_off_plays_and_says_what_is_lost() {
    let model = || ScriptedModel::new().reply("A").reply("B");
    let whole = recording(model(), ["a", "b"].map(asks)).await;
    let (dead, _) = whole.rsplit_once("{\"end\"").unwrap();
    let cut = &dead[..dead.len() - 20];
    let without_first = whole.lines().enumerate().filter(|(n, _)| *n != 1);
    let without_first: Vec<_> = without_first.map(|(_, line)| line).collect();
    let edited = whole.replace('\n', "\r\n\n");
    let cases = [
        (whole.as_str(), 2, None),
        (whole.trim_end(), 2, None),
        (&edited, 2, None),
        (dead, 2, Some("it has no end; whatever was under way then is missing")),
        (dead.trim_end(), 2, Some("it has no end; whatever was under way then is missing")),
        (cut, 1, Some("line 3, the last, is cut off")),
        (&without_first.join("\n"), 1, Some("exchange 1 is missing")),
    ];
    for (file, count, lost) in cases {
        let replay: Replay = file.parse().unwrap();
        assert_eq!((replay.remaining(), replay.lost()), (count, lost), "{file}");
        let refusal = refusal(&replay, asks("c")).await;
        match lost {
            Some(lost) => {
                let end = format!("; the recording is not whole: {lost}");
                assert!(refusal.ends_with(&end), "{refusal}");
            }
            None => assert!(refusal.ends_with("or record again"), "{refusal}"),
        }
    }
    let replay: Replay = cut.parse().unwrap();
    assert_eq!(text(&replay, asks("a")).await.unwrap(), "A");
}

#[tokio::test]
async fn what_is_no_recording_is_refused_with_the_line() {
    let whole = recording(ScriptedModel::new().reply("canary"), [asks("canary")]).await;
    let line = whole.lines().nth(1).unwrap();
    let none = "line 1 does not say that this is a recording of siumai; record one first";
    let damaged = |what: &str| format!("line 2 of the recording is damaged: {what}; record again");
    let cases = [
        (String::new(), none.to_owned()),
        ("{}\n".to_owned(), none.to_owned()),
        ("[1, 2]\ncanary".to_owned(), none.to_owned()),
        (format!("{line}\n"), none.to_owned()),
        (whole[..20].to_owned(), none.to_owned()),
        ("canary ".repeat(10_000), none.to_owned()),
        (whole.replacen("siumai recording", "something else", 1), none.to_owned()),
        (
            whole.replacen("\"version\":1", "\"version\":2", 1),
            "line 1: the recording is of version 2, and 1 is the newest known here; use a newer \
             siumai, or record again"
                .to_owned(),
        ),
        (whole.replacen("\"number\":1,", "\"number\":\"canary\",", 1), damaged("it is no exchange at byte 30")),
        (whole.replacen("{\"exchange\"", "{\"dialogue\"", 1), damaged("it is no exchange at byte 11")),
        (whole.replacen("canary", "can\"ary", 1), String::new()),
        (whole.replacen("{\"end\"", &format!("{}\n{{\"end\"", &line[..50]), 1), String::new()),
        (format!("{whole}{line}\n"), "line 4 of the recording is damaged: it comes after the end of the recording; record again".to_owned()),
    ];
    for (file, expected) in cases {
        let error = file.parse::<Replay>().expect_err(&expected);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        if expected.is_empty() {
            assert!(text.contains("is damaged: it is no JSON at byte "), "{text}");
        } else {
            assert_eq!(text, expected);
        }
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    let file = concat!(
        "\u{feff}{\"format\":\"siumai recording\",\"version\":1,\"by\":\"a later one\"}\n",
        r#"{"exchange":{"number":1,"provider":"p","model":"m","took":3,"ended":"broke_off","#,
        r#""request":{"messages":[],"mood":"good"},"events":[{"delta":{"content":"a","b":2}}]}}"#,
        "\n{\"end\":{\"exchanges\":1,\"took\":9}}\n",
    );
    let replay: Replay = file.parse().unwrap();
    assert_eq!((replay.remaining(), replay.model(), replay.lost()), (1, "m", None));
}

#[test]
fn a_reader_that_fails_is_told_of() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let error = Replay::from_reader(Failing).unwrap_err();
    assert_eq!(error.to_string(), "the recording can't be read: the disk is gone");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_done_to_a_recording_it_plays_or_says_what_is_wrong(
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
    ) {
        let calls = calling([&call("call_1", "look", json!({ "n": 1.5 }))]);
        let request = ChatRequest::new(vec![user!("a"), calls]);
        let model = ScriptedModel::new().calls("look", json!({ "n": 1 })).fails(failure(ErrorKind::Server));
        let recorded = recording(model, [request.clone(), request]);
        let mut file = futures_util::FutureExt::now_or_never(recorded).unwrap().into_bytes();
        let whole = file.clone();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        file.truncate(cut.index(file.len() + 1));
        match Replay::from_reader(&file[..]) {
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidInput),
            Ok(replay) => prop_assert!(replay.lost().is_some() || file.len() + 1 >= whole.len()),
        }
    }
}
