//! What holds for every answer of a provider, whatever it says and however it is cut.
use serde::de::IgnoredAny;
use siumai_core::{
    ErrorKind,
    model::{Assembler, ModelEvent},
    types::ChatResponse,
};

use super::{
    reading::{Answer, Outcome, Wire, read_at_once, read_in_pieces},
    sending::goes_back,
};

/// Reads `answer` over `wire` and fails if a law is broken.
pub(crate) fn check(wire: Wire, answer: &Answer<'_>) {
    let outcome = read_at_once(wire, answer);
    assert_eq!(read_in_pieces(wire, answer), outcome, "pieces are read otherwise than the whole");
    let reply = assembled(&outcome);
    assert_eq!(reply.is_none(), outcome.failure.is_some(), "either it ends or it fails");
    if let Some(reply) = reply {
        assert!(answer.is_success(), "a refusal was read as a reply");
        assert!(has_end(wire, answer), "a reply without its end is finished");
        goes_back(&reply);
    }
    if answer.is_stream() {
        check_beginning(wire, answer, &outcome);
    }
}

/// The reply that the events make up, if it came to its end.
fn assembled(outcome: &Outcome) -> Option<ChatResponse> {
    let mut assembler = Assembler::new("call");
    for (at, event) in outcome.events.iter().enumerate() {
        assert!(at == 0 || !matches!(event, ModelEvent::Start { .. }), "a start comes late");
        assembler.push(event.clone()).expect("the events fit together");
    }
    assembler.finish().ok()
}

/// A stream that ends early, between two events, is an error after what came before.
fn check_beginning(wire: Wire, answer: &Answer<'_>, outcome: &Outcome) {
    let ends: Vec<_> = answer.body.windows(2).enumerate().filter(|(_, it)| it == b"\n\n").collect();
    let Some((end, _)) = ends.get(usize::from(answer.cuts) % ends.len().max(1)) else { return };
    let beginning = Answer { body: &answer.body[..end + 2], breaks: false, ..*answer };
    let early = read_at_once(wire, &beginning);
    match &early.failure {
        Some((ErrorKind::IncompleteReply, _)) => {
            assert!(outcome.events.starts_with(&early.events), "what came before is lost");
        }
        // It may go on after it has said why it ended.
        None if wire == Wire::Gemini => {}
        _ => assert_eq!(&early, outcome, "it went on after its end"),
    }
}

/// Whether the end of a reply is in `answer` at all.
fn has_end(wire: Wire, answer: &Answer<'_>) -> bool {
    let body = answer.body;
    let has = |text: &str| body.windows(text.len()).any(|it| it == text.as_bytes());
    if !answer.is_stream() && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return true;
    }
    let ends: &[&str] = match wire {
        Wire::OpenAiChat => &["[DONE]"],
        Wire::OpenAiResponses => {
            &["response.completed", "response.incomplete", "response.failed", "response.done"]
        }
        Wire::Anthropic => &["message_stop"],
        Wire::Gemini => &["finishReason"],
    };
    // JSON may write any of them in another way.
    ends.iter().any(|end| has(end)) || has("\\u")
}
