//! Replies put together from their pieces, however they were cut.
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any, proptest},
};
use serde_json::json;

use super::*;
use crate::model::{collect, one_reply};

fn tool_call(index: usize, id: &str, name: &str, arguments: &str) -> Delta {
    let arguments = arguments.to_owned();
    Delta::tool_call(ToolCallDelta { arguments, ..ToolCallDelta::begin(index, id, name) })
}

fn more(index: usize, arguments: &str) -> Delta {
    Delta::tool_call(ToolCallDelta::arguments(index, arguments))
}

/// The reply that `deltas` make up, whether somebody hears of them or not, and the deltas as they
/// came back.
fn assembled(deltas: Vec<Delta>, reason: FinishReason) -> (ChatResponse, Vec<Delta>) {
    let (mut assembler, mut unheard) = (Assembler::new("call_3"), Assembler::new("call_3"));
    let mut passed = Vec::new();
    for delta in deltas {
        let brought = unheard.take_in(&mut ModelEvent::Delta(delta.clone()), false).unwrap();
        let heard = assembler.push(ModelEvent::Delta(delta)).unwrap();
        assert_eq!(heard.is_some(), brought, "{heard:?}");
        passed.extend(heard);
    }
    let finish = ModelEvent::finish(reason, None);
    unheard.take_in(&mut finish.clone(), false).unwrap();
    assembler.push(finish).unwrap();
    let response = assembler.finish().unwrap();
    assert_eq!(unheard.finish().unwrap(), response);
    (response, passed)
}

fn ids_and_arguments(response: &ChatResponse) -> Vec<(&str, &Value)> {
    response.tool_calls.iter().map(|it| (&*it.id, &it.arguments)).collect()
}

#[test]
fn pieces_of_several_calls_may_be_mixed() {
    let deltas = vec![
        tool_call(0, "a", "look", "{\"n\""),
        tool_call(1, "b", "look", ""),
        more(0, ": 1"),
        more(1, "{\"n\": 2}"),
        more(0, "}"),
    ];
    let (response, passed) = assembled(deltas.clone(), FinishReason::ToolCalls);
    let expected = [("a", &json!({ "n": 1 })), ("b", &json!({ "n": 2 }))];
    assert_eq!(ids_and_arguments(&response), expected);
    assert_eq!(passed, deltas);
}

#[test]
fn calls_that_share_an_index_are_told_apart_by_their_ids() {
    let deltas = vec![
        tool_call(0, "a", "look", "{\"n\": 1}"),
        tool_call(0, "b", "look", "{\"n\""),
        more(0, ": 2}"),
    ];
    let (response, _) = assembled(deltas, FinishReason::ToolCalls);
    let expected = [("a", &json!({ "n": 1 })), ("b", &json!({ "n": 2 }))];
    assert_eq!(ids_and_arguments(&response), expected);
}

#[test]
fn an_id_that_changes_with_every_piece_is_still_one_call() {
    let nameless = |id: &str, arguments: &str| {
        let id = Some(id.to_owned());
        Delta::tool_call(ToolCallDelta { id, ..ToolCallDelta::arguments(0, arguments) })
    };
    let deltas =
        vec![tool_call(0, "x1", "look", "{\"n\""), nameless("x2", ": 1"), nameless("x3", "}")];
    let (response, passed) = assembled(deltas, FinishReason::ToolCalls);
    assert_eq!(ids_and_arguments(&response), [("x1", &json!({ "n": 1 }))]);
    assert_eq!(passed[1..], [more(0, ": 1"), more(0, "}")]);
}

#[test]
fn a_repeated_id_that_was_made_unique_is_still_known_as_repeated() {
    let deltas = vec![
        tool_call(0, "a", "look", ""),
        tool_call(1, "a", "look", "{"),
        tool_call(1, "a", "look", "}"),
        tool_call(2, "", "look", ""),
        tool_call(2, "", "look", "{}"),
    ];
    let (response, _) = assembled(deltas, FinishReason::ToolCalls);
    let none = json!({});
    let expected = [("a", &none), ("a_2", &none), ("call_3_3", &none)];
    assert_eq!(ids_and_arguments(&response), expected);
}

#[test]
fn what_a_reply_was_on_its_wire_is_kept_unless_its_ids_were_changed() {
    let origin_with = |ids: [&str; 2]| {
        let mut assembler = Assembler::new("call_3");
        for (index, id) in ids.iter().enumerate() {
            assembler.push(ModelEvent::Delta(tool_call(index, id, "look", "{}"))).unwrap();
        }
        assembler.push(ModelEvent::Origin(Origin::new("wire", "[]"))).unwrap();
        assembler.push(ModelEvent::finish(FinishReason::ToolCalls, None)).unwrap();
        assembler.finish().unwrap().message.origin("wire").map(str::to_owned)
    };
    let kept = Some("[]".to_owned());
    assert_eq!(origin_with(["a", "b"]), kept);
    assert_eq!(origin_with(["", ""]), kept, "a wire without ids is sent none");
    assert_eq!(origin_with(["a", "a"]), None);
}

#[test]
fn any_choice_of_ids_ends_up_unique() {
    let given = ["a", "a_2", "a", "a", "", "call_3_5", "", "a_2_6", "a_2"];
    let deltas = given.iter().enumerate().map(|(index, id)| tool_call(index, id, "look", ""));
    let (response, _) = assembled(deltas.collect(), FinishReason::ToolCalls);
    let mut ids: Vec<_> = response.tool_calls.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids[..4], ["a", "a_2", "a_3", "a_4"]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), given.len());
}

#[test]
fn what_brings_nothing_begins_nothing() {
    let deltas = vec![Delta::default(), tool_call(0, "", "", ""), Delta::content(""), more(4, "")];
    let (response, passed) = assembled(deltas, FinishReason::Stop);
    assert_eq!(passed, []);
    assert_eq!(response.message.content(), []);
    assert_eq!(response.content_text(), None);
}

#[test]
fn arguments_that_are_no_object_are_kept_as_they_were_written() {
    let written = ["{\"n\": 1", " [1] ", "\"{}\"", "null", "words", "{} {}"];
    let deltas = written.iter().enumerate().map(|(at, text)| tool_call(at, "", "look", text));
    let (response, _) = assembled(deltas.collect(), FinishReason::ToolCalls);
    let kept: Vec<_> = response.tool_calls.iter().map(|it| it.arguments.as_str()).collect();
    assert_eq!(kept, written.map(Some));
}

#[test]
fn no_arguments_are_an_empty_object_unless_the_reply_was_cut_for_length() {
    let empty = || vec![tool_call(0, "a", "look", " ")];
    let (stopped, _) = assembled(empty(), FinishReason::Stop);
    assert_eq!(stopped.tool_calls[0].arguments, json!({}));
    let (cut, _) = assembled(empty(), FinishReason::Length);
    assert_eq!(cut.tool_calls[0].arguments, json!(" "));
}

#[test]
fn pieces_of_different_kinds_stay_in_their_order() {
    let deltas = vec![
        Delta::reasoning("a"),
        Delta::reasoning("b"),
        Delta::content("c"),
        tool_call(0, "x", "look", "{}"),
        Delta::content("d"),
        Delta::refusal("e"),
        Delta::reasoning("f"),
    ];
    let (response, _) = assembled(deltas, FinishReason::Stop);
    let [reasoning, text, call, more, refusal, last] = response.message.content() else { panic!() };
    assert_eq!(
        [reasoning, text, more, refusal, last],
        [
            &ContentPart::reasoning("ab"),
            &ContentPart::text("c"),
            &ContentPart::text("d"),
            &ContentPart::refusal("e"),
            &ContentPart::reasoning("f"),
        ]
    );
    assert_eq!(*call, ContentPart::ToolCall(Arc::clone(&response.tool_calls[0])));
}

#[test]
fn a_reply_is_whole_only_after_its_finish() {
    let mut assembler = Assembler::new("");
    assembler.push(ModelEvent::content("Hm")).unwrap();
    assembler.push(ModelEvent::Delta(tool_call(0, "a", "look", "{}"))).unwrap();
    assert_eq!(assembler.partial(), Some(ChatMessage::assistant("Hm")), "without calls");
    assert_eq!(assembler.check_finished().unwrap_err().kind(), ErrorKind::IncompleteReply);
    assert_eq!(assembler.finish().unwrap_err().kind(), ErrorKind::IncompleteReply);
}

/// `text` in pieces, cut at those of `places` that lie between two characters.
fn cut<'a>(text: &'a str, places: &[u8]) -> Vec<&'a str> {
    let mut places: Vec<_> = places.iter().map(|it| usize::from(*it)).collect();
    places.retain(|it| *it <= text.len() && text.is_char_boundary(*it));
    places.sort_unstable();
    let ends = places.iter().copied().chain([text.len()]);
    let starts = [0].into_iter().chain(places.iter().copied());
    starts.zip(ends).map(|(start, end)| &text[start..end]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn however_a_reply_is_cut_it_is_the_same_reply(
        text in ".{0,12}",
        number in any::<f64>(),
        word in ".{0,12}",
        places in vec(0_u8..40, 0..6),
        is_whole in any::<bool>(),
    ) {
        let arguments = json!({ "number": number, "word": word }).to_string();
        let whole = vec![Delta::content(&text), tool_call(0, "a", "look", &arguments)];
        let pieces = cut(&text, &places).into_iter().map(Delta::content);
        let begin = [tool_call(0, "a", "look", "")];
        let arguments = cut(&arguments, &places).into_iter().map(|it| more(0, it)).collect::<Vec<_>>();
        let pieces = pieces.chain(begin).chain(arguments).collect();
        let reason = if is_whole { FinishReason::ToolCalls } else { FinishReason::Length };
        let (expected, _) = assembled(whole, reason.clone());
        let (response, _) = assembled(pieces, reason);
        assert_eq!(response, expected);
    }

    #[test]
    fn a_reply_in_one_piece_is_the_reply_that_was_streamed(
        arguments in ".{0,12}",
        text in ".{0,6}",
        request_id in proptest::option::of("[a-z]{1,4}"),
    ) {
        let deltas = vec![Delta::content(&text), tool_call(0, "a", "look", &arguments)];
        let (mut streamed, _) = assembled(deltas, FinishReason::ToolCalls);
        streamed.request_id = request_id;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let collected = runtime.block_on(collect(one_reply(streamed.clone()))).unwrap();
        assert_eq!(collected, streamed);
    }
}
