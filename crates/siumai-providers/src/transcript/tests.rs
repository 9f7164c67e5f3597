use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use siumai_core::{system, types::Memo, user};

use super::*;

/// How often a [`Plain`] writer has written a message. A test has a thread of its own.
fn count() -> &'static AtomicUsize {
    thread_local! {
        static COUNT: &'static AtomicUsize = Box::leak(Box::default());
    }
    COUNT.with(|it| *it)
}

/// Writes texts, and those of the user's side two by two.
#[derive(Debug)]
struct Plain {
    open: Option<Piece>,
}

impl Writer for Plain {
    type Manner = &'static str;

    fn new(_: &'static str) -> Self {
        Self { open: None }
    }

    fn write(&mut self, message: &ChatMessage, page: &mut Page) -> Result<(), LlmError> {
        let text = message.text().unwrap_or_default();
        if text == "unspeakable" {
            return Err(LlmError::invalid_input("it can't be told"));
        }
        let piece = page.piece(message, |items| {
            count().fetch_add(1, Ordering::Relaxed);
            items.push(&text)
        })?;
        match self.open.take() {
            None => self.open = Some(piece),
            Some(first) => page.place_within("{\"pair\":[", [&first, &piece], "]}"),
        }
        Ok(())
    }

    fn write_open(&self, page: &mut Page) {
        if let Some(open) = &self.open {
            page.place(open);
        }
    }

    fn warnings(&self) -> &[Warning] {
        &[]
    }
}

/// Sends `messages` in a run of which `memo` is.
fn send(memo: &Memo, messages: &[ChatMessage]) -> Payload {
    let request = ChatRequest::new(messages.to_vec()).with_memo(memo.clone());
    let transcript: Transcript<Plain> = Transcript::of(&request, &"plain").unwrap();
    let payload = transcript.between(b"{\"list\":[".to_vec(), None, &json!({})).unwrap();
    request.memo().put(transcript);
    payload
}

fn read(payload: &Payload) -> Value {
    let mut body: Value = serde_json::from_slice(&payload.to_bytes()).unwrap();
    body["list"].take()
}

fn long(text: &str) -> ChatMessage {
    user!("{}", text.repeat(BLOCK / 2))
}

#[test]
fn a_message_is_written_once_while_the_history_grows() {
    let (memo, before) = (Memo::default(), count().load(Ordering::Relaxed));
    let messages = [user!("a"), user!("b"), user!("c")];
    assert_eq!(read(&send(&memo, &messages[..1])), json!(["a"]));
    assert_eq!(read(&send(&memo, &messages[..2])), json!([{ "pair": ["a", "b"] }]));
    assert_eq!(read(&send(&memo, &messages)), json!([{ "pair": ["a", "b"] }, "c"]));
    assert_eq!(count().load(Ordering::Relaxed) - before, 3);
}

#[test]
fn a_history_that_was_changed_costs_what_was_changed() {
    let (memo, before) = (Memo::default(), count().load(Ordering::Relaxed));
    let messages = [long("a"), long("b"), long("c"), user!("d"), user!("e")];
    send(&memo, &messages);
    let changed = [user!("x"), messages[1].clone(), messages[2].clone(), messages[4].clone()];
    let text = |at: usize| messages[at].text().unwrap();
    assert_eq!(
        read(&send(&memo, &changed)),
        json!([{ "pair": ["x", text(1)] }, { "pair": [text(2), "e"] }])
    );
    assert_eq!(count().load(Ordering::Relaxed) - before, 6);
}

#[test]
fn what_was_sent_before_is_sent_again_as_it_lies_in_memory() {
    let memo = Memo::default();
    let messages = [long("a"), long("b"), long("c"), long("d"), user!("e")];
    let first = send(&memo, &messages[..2]);
    let second = send(&memo, &messages);
    let places = |payload: &Payload| payload.blocks().map(|it| it.as_ptr()).collect::<Vec<_>>();
    assert_eq!(first.blocks().len(), 3, "what is before, a block, and what is behind");
    assert_eq!(second.blocks().len(), 4);
    assert_eq!(places(&first)[1], places(&second)[1]);
    assert_eq!(second.to_bytes(), send(&Memo::default(), &messages).to_bytes());
}

#[test]
fn a_message_that_cannot_be_told_spoils_no_later_request() {
    let memo = Memo::default();
    send(&memo, &[user!("a")]);
    let request = ChatRequest::new(vec![user!("unspeakable")]).with_memo(memo.clone());
    assert!(Transcript::<Plain>::of(&request, &"plain").is_err());
    assert_eq!(read(&send(&memo, &[user!("b")])), json!(["b"]));
}

#[test]
fn another_manner_begins_anew() {
    let memo = Memo::default();
    let request = ChatRequest::new(vec![user!("a")]).with_memo(memo.clone());
    let before = count().load(Ordering::Relaxed);
    for manner in ["one", "other", "other"] {
        let transcript: Transcript<Plain> = Transcript::of(&request, &manner).unwrap();
        memo.put(transcript);
    }
    assert_eq!(count().load(Ordering::Relaxed) - before, 2);
}

#[test]
fn the_same_system_messages_are_written_once() {
    let mut transcript: Transcript<Plain> = Transcript::new("plain");
    let (one, other) = ([system!("Be brief.")], [system!("Be long.")]);
    let mut written = 0;
    for system in [&one, &one, &other] {
        let json = transcript.system(system, || {
            written += 1;
            system[0].text()
        });
        assert_eq!(json.unwrap().get(), format!("{:?}", system[0].text().unwrap()));
    }
    assert_eq!(written, 2);
}

#[test]
fn the_list_is_behind_what_leads_it() {
    let lead = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    let request = |messages: &[ChatMessage]| {
        let request = ChatRequest::new(messages.to_vec());
        Transcript::<Plain>::of(&request, &"plain").unwrap()
    };
    let sent = |messages: &[ChatMessage], json: &str| {
        read(
            &request(messages)
                .between(b"{\"list\":[".to_vec(), Some(&lead(json)), &json!({}))
                .unwrap(),
        )
    };
    assert_eq!(sent(&[user!("a")], "[1,[2]]"), json!([1, [2], "a"]));
    assert_eq!(sent(&[user!("a")], "[]"), json!(["a"]));
    assert_eq!(sent(&[], "[1]"), json!([1]));
    let (one, two) = (long("a"), long("b"));
    let pair = json!({ "pair": [one.text(), two.text()] });
    assert_eq!(sent(&[one, two], "[1]"), json!([1, pair]));
}
