//! What holds for all JSON that somebody stored, whatever was made of it since.
use std::fmt::Debug;

use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use siumai_core::{
    history::{
        History, Keep, drop_tool_results, last_exchanges, mend, rough_tokens, within_tokens,
    },
    model::{Assembler, ModelEvent},
    orchestrator::{self, OrchestratorOptions, RunError, RunOutput},
    testing::ScriptedModel,
    types::{ChatMessage, ChatRequest, Role},
};

use super::{
    reading::{Wire, run, written},
    runs::{check_journal, check_recording, check_suspended},
    sending::{check_answered, check_written, check_written_once},
};

/// Goes on with what `json` holds, if it is anything that is stored, and fails if a law is broken.
pub(crate) fn check(json: &[u8]) {
    let _is_known = check_as(json, check_history)
        || check_as(json, check_suspended)
        || check_as(json, |request: ChatRequest| check_request(&request))
        || check_as(json, check_events)
        || check_as(json, check_journal)
        || check_recording(json);
}

/// Whether `json` holds such a thing; if so, it is checked.
fn check_as<T: DeserializeOwned>(json: &[u8], check: impl FnOnce(T)) -> bool {
    serde_json::from_slice(json).map(check).is_ok()
}

fn check_history(history: History) {
    let stored = check_stored(&history);
    let (sent, ended) = go_on(history.messages);
    let Some(sent) = sent else {
        assert!(ended.is_err(), "a run ended well and asked nothing");
        return;
    };
    let ended = ended.expect("a model that answers is all that a run needs");
    check_answered_once(sent.messages());
    check_sound(&ended.messages);
    for keep in [Keep::Task, Keep::System, Keep::Nothing] {
        check_sound(&last_exchanges(&ended.messages, 1, keep));
        check_sound(&within_tokens(&ended.messages, 20, keep, rough_tokens));
    }
    check_sound(&drop_tool_results(&ended.messages, 0));
    for wire in Wire::ALL {
        // No wire has a place for every message.
        if written(wire, sent.clone()).is_err() {
            continue;
        }
        let body = check_written(wire, ChatRequest::new(ended.messages.clone()));
        check_written_once(wire, &ended.messages);
        // Where it is said what a message was on its wire, that may be another message.
        if !stored.contains("\"origin\"") {
            check_answered(wire, &body);
        }
    }
}

/// There is nothing to mend in what was mended or made shorter.
fn check_sound(messages: &[ChatMessage]) {
    assert_eq!(mend(messages.to_vec()), (messages.to_vec(), vec![]));
}

/// No wire has a place for every request: what it refuses it refuses with an error.
fn check_request(request: &ChatRequest) {
    check_stored(request);
    for wire in Wire::ALL {
        if let Ok(body) = written(wire, request.clone()) {
            serde_json::from_slice::<IgnoredAny>(&body).expect("what is sent is JSON");
        }
    }
}

fn check_events(events: Vec<ModelEvent>) {
    check_stored(&events);
    let mut assembler = Assembler::new("call");
    if events.into_iter().all(|event| assembler.push(event).is_ok())
        && let Ok(reply) = assembler.finish()
    {
        check_stored(&reply);
    }
}

/// Stores something and restores it; what it was stored as comes back.
fn check_stored<T: Serialize + DeserializeOwned + Debug + PartialEq>(it: &T) -> String {
    let stored = serde_json::to_string(it).expect("it can be stored");
    let restored: T = serde_json::from_str(&stored).expect("it can be restored");
    assert_eq!(&restored, it, "it is stored with losses");
    // What messages were on their wires is not compared with them.
    assert_eq!(serde_json::to_string(&restored).ok().as_ref(), Some(&stored), "origins are lost");
    stored
}

/// What a run asks that begins with `messages`, and what comes of it.
fn go_on(messages: Vec<ChatMessage>) -> (Option<ChatRequest>, Result<RunOutput, RunError>) {
    let model = ScriptedModel::new().reply("Yes.");
    let options = OrchestratorOptions::default();
    let ended = run(orchestrator::run(&model, messages, None, None, &[], options));
    (model.requests().first().cloned(), ended)
}

/// Every call is answered once, behind the message that made it and before the next.
fn check_answered_once(messages: &[ChatMessage]) {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message.role() != Role::Tool {
            assert!(open.is_empty(), "calls without results: {open:?}");
            assert!(
                message.tool_results().next().is_none(),
                "a result that is no message of its own"
            );
            open.extend(message.tool_calls().map(|call| call.id.as_str()));
        }
        for result in message.tool_results() {
            let place = open.iter().position(|id| *id == result.call_id);
            open.remove(place.expect("a result answers a call"));
        }
    }
    assert!(open.is_empty(), "calls without results: {open:?}");
}
