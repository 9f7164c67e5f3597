use std::collections::VecDeque;

use serde_json::{Value, json};
use siumai_core::types::{FinishReason, Origin};

use super::{super::Reader, *};
use crate::{reply::ReplyReader, sse};

/// The events of a whole reply with this message and these fields beside it.
fn told(message: &Value, beside: &Value) -> Vec<ModelEvent> {
    let mut reply = json!({ "choices": [{ "message": message, "finish_reason": "stop" }] });
    let fields = reply.as_object_mut().unwrap();
    fields.extend(beside.as_object().unwrap().clone());
    let mut events = VecDeque::new();
    Reader::default().read_whole(reply.to_string().as_bytes(), &mut events).unwrap();
    assert_eq!(events.pop_back(), Some(ModelEvent::finish(FinishReason::Stop, None)));
    events.into()
}

fn part(part: ContentPart) -> ModelEvent {
    ModelEvent::Delta(Delta::part(part))
}

fn source(url: &str, title: &str) -> ModelEvent {
    part(ContentPart::Source(Source::url(url).with_title(title)))
}

#[test]
fn citations_are_sources_in_whatever_frame() {
    let annotations = json!([
        { "type": "url_citation", "url_citation": { "url": "https://a", "title": "A" } },
        { "type": "url_citation", "url": "https://b", "title": "B" },
        { "type": "url_citation", "url_citation": { "url": "https://a", "title": "again" } },
        7,
    ]);
    let message = json!({ "content": "Hi", "annotations": annotations });
    let expected = [ModelEvent::content("Hi"), source("https://a", "A"), source("https://b", "B")];
    assert_eq!(told(&message, &json!({})), expected);
}

#[test]
fn the_pages_of_a_search_are_sources_with_titles_if_they_have_them() {
    let beside = json!({
        "citations": ["https://a", "https://b"],
        "search_results": [{ "url": "https://a", "title": "A", "snippet": "so" }],
    });
    let quoted = Source::url("https://a").with_title("A").with_quote("so");
    let expected = [
        ModelEvent::content("Hi"),
        part(ContentPart::Source(quoted)),
        part(ContentPart::Source(Source::url("https://b"))),
    ];
    assert_eq!(told(&json!({ "content": "Hi" }), &beside), expected);
}

#[test]
fn sources_come_once_and_behind_the_text_of_a_stream() {
    let chunk = |text: &str, reason: &Value| json!({ "citations": ["https://a"], "choices": [{ "delta": { "content": text }, "finish_reason": reason }] });
    let chunks = [chunk("Hi", &Value::Null), chunk(" you", &json!("stop"))];
    let (mut reader, mut events) = (Reader::default(), VecDeque::new());
    for data in chunks.map(|it| it.to_string()).iter().map(String::as_str).chain(["[DONE]"]) {
        let event = sse::Event { name: b"", data: data.as_bytes() };
        reader.read_event(event, &mut events).unwrap();
    }
    let source = part(ContentPart::Source(Source::url("https://a")));
    assert_eq!(events, [ModelEvent::content("Hi"), ModelEvent::content(" you"), source]);
}

#[test]
fn pictures_are_parts() {
    let images = json!([
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw==" } },
        { "type": "image_url", "image_url": { "url": "https://example.com/cat.png" } },
        { "type": "image_url" },
    ]);
    let expected = [
        part(ContentPart::image(Media::bytes("image/png", *b"\x89PNG"))),
        part(ContentPart::image(Media::url("https://example.com/cat.png"))),
    ];
    assert_eq!(told(&json!({ "content": "", "images": images }), &json!({})), expected);
}

#[test]
fn a_spoken_reply_is_a_file_and_goes_back_by_its_name() {
    let audio = json!({ "id": "audio_1", "data": "UklGRg==", "transcript": "Hi" });
    let expected = [
        part(ContentPart::unnamed_file(Media::bytes("audio/wav", *b"RIFF"))),
        ModelEvent::Origin(Origin::new("", r#"{"audio":{"id":"audio_1"}}"#)),
    ];
    assert_eq!(told(&json!({ "content": null, "audio": audio }), &json!({})), expected);
}

#[test]
fn what_was_read_from_a_file_goes_back_so_that_it_is_read_once() {
    let file = json!({ "type": "file", "file": { "hash": "h", "name": "a.pdf" } });
    let events = told(&json!({ "content": "Hi", "annotations": [file] }), &json!({}));
    let origin = r#"{"annotations":[{"type":"file","file":{"hash":"h","name":"a.pdf"}}]}"#;
    assert_eq!(events, [ModelEvent::content("Hi"), ModelEvent::Origin(Origin::new("", origin))]);
}

#[test]
fn sound_is_known_by_how_it_begins() {
    let sorts =
        [&b"RIFF"[..], b"ID3\x04", b"\xff\xfb\x90", b"fLaC", b"OggS", b"\xff\xf1", b"\0\x01"];
    assert_eq!(
        sorts.map(sort_of_sound),
        [
            "audio/wav",
            "audio/mpeg",
            "audio/mpeg",
            "audio/flac",
            "audio/ogg",
            "audio/aac",
            "audio/pcm"
        ]
    );
}
