//! The layer that asks again: what it repeats, how often, and how long it waits.
use std::time::Duration;

use futures_util::{StreamExt, stream};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{LanguageModel, ModelEvent, ModelStream, layers::Retry},
    types::{ChatRequest, FinishReason, Usage, Warning},
};
use tokio::time::Instant;

use crate::layer_stand_ins::{Answer, Heard, Listed, PROMPT, ask, events, failure, request, says};

const KINDS: [(ErrorKind, bool); 19] = [
    (ErrorKind::Tool, false),
    (ErrorKind::FatalTool, false),
    (ErrorKind::InvalidInput, false),
    (ErrorKind::InvalidRequest, false),
    (ErrorKind::Authentication, false),
    (ErrorKind::PermissionDenied, false),
    (ErrorKind::NotFound, false),
    (ErrorKind::RateLimited, true),
    (ErrorKind::Overloaded, true),
    (ErrorKind::Server, true),
    (ErrorKind::ContextTooLong, false),
    (ErrorKind::ContentFilter, false),
    (ErrorKind::Connection, true),
    (ErrorKind::Timeout, true),
    (ErrorKind::MalformedReply, false),
    (ErrorKind::IncompleteReply, false),
    (ErrorKind::Cancelled, false),
    (ErrorKind::OutOfOrder, false),
    (ErrorKind::Panicked, false),
];

/// A model that fails in this way `times`, then answers.
fn failing(error: &LlmError, times: usize) -> Listed {
    let failures = std::iter::repeat_n(Err(error.clone()), times);
    Listed::new("first", failures.chain([says("Hello.")]))
}

fn overloaded() -> LlmError {
    failure(ErrorKind::Overloaded)
}

#[tokio::test(start_paused = true)]
async fn m1_what_may_pass_is_retried_and_nothing_else() {
    for (kind, is_retried) in KINDS {
        let model = failing(&failure(kind), 1);
        let ended = ask(&Retry::new(model.clone())).await;
        assert_eq!(ended.is_ok(), is_retried, "{kind:?}");
        assert_eq!(model.asked().len(), 1 + usize::from(is_retried), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn m1_an_error_that_says_so_itself_is_retried_or_not_whatever_its_kind() {
    let never = failing(&failure(ErrorKind::Server).with_retryable(false), 1);
    assert!(ask(&Retry::new(never.clone())).await.is_err());
    assert_eq!(never.asked().len(), 1);
    let again = failing(&failure(ErrorKind::InvalidRequest).with_retryable(true), 1);
    assert_eq!(ask(&Retry::new(again)).await.unwrap().content_text(), Some("Hello."));
}

#[tokio::test(start_paused = true)]
async fn m1_attempts_are_one_more_than_the_retries_and_the_error_says_how_many() {
    for retries in [0, 1, 2, 5] {
        let model = failing(&overloaded(), 10);
        let error = ask(&Retry::new(model.clone()).max_retries(retries)).await.unwrap_err();
        assert_eq!(model.asked().len(), retries + 1);
        assert_eq!(error.attempts(), Some(retries + 1));
        assert_eq!(error.kind(), ErrorKind::Overloaded);
    }
    let model = failing(&overloaded().with_status(529), 10);
    let error = ask(&Retry::new(model)).await.unwrap_err();
    assert_eq!(error.to_string(), "it failed (status 529, 3 attempts)", "two retries by default");
}

#[tokio::test(start_paused = true)]
async fn m1_an_error_that_is_not_retried_says_how_many_attempts_came_before_it() {
    let answers = [Err(overloaded()), Err(failure(ErrorKind::InvalidRequest))];
    let error = ask(&Retry::new(Listed::new("first", answers))).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidRequest, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn m1_a_failure_before_the_first_event_reached_anybody_is_retried() {
    let start = || Ok(ModelEvent::start(Some("reply_1".into()), None));
    let unsupported = || Warning::Unsupported { what: "no seed".into() };
    let nothing_yet: [Answer; 4] = [
        Ok(vec![Err(overloaded())]),
        Ok(vec![start(), Err(overloaded())]),
        Ok(vec![start(), Ok(ModelEvent::Warning(unsupported())), Err(overloaded())]),
        Ok(vec![start(), Ok(ModelEvent::content("")), Err(overloaded())]),
    ];
    for answer in nothing_yet {
        let model = Listed::new("first", [answer, says("Hello.")]);
        let reply = ask(&Retry::new(model.clone())).await.unwrap();
        assert_eq!(reply.content_text(), Some("Hello."));
        assert_eq!(reply.id, None, "nothing of the first attempt is left");
        assert_eq!(model.asked().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn m1_nothing_is_retried_once_an_event_reached_somebody() {
    let finish = ModelEvent::finish(FinishReason::Stop, Some(Usage::new(1, 1)));
    for first in [ModelEvent::content("Well"), finish] {
        let model = Listed::new("first", [Ok(vec![Ok(first.clone()), Err(overloaded())])]);
        let retry = Retry::new(model.clone());
        let items: Vec<_> = retry.stream(request()).await.unwrap().collect().await;
        let [Ok(event), Err(error)] = &items[..] else { panic!("{items:?}") };
        assert_eq!(event, &first);
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Overloaded, None));
        assert_eq!(model.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn m1_every_event_is_handed_on_as_it_came() {
    let sent = [
        ModelEvent::start(Some("reply_1".into()), Some("first-2".into())),
        ModelEvent::content("Well, "),
        ModelEvent::content("yes."),
        ModelEvent::finish(FinishReason::Stop, None),
    ];
    let model = Listed::new("first", [events(sent.clone())]);
    let retry = Retry::new(model);
    assert_eq!((retry.provider(), retry.model()), ("listed", "first"));
    let items = retry.stream(request()).await.unwrap().map(Result::unwrap);
    assert_eq!(items.collect::<Vec<_>>().await, sent);
}

#[tokio::test(start_paused = true)]
async fn m1_layers_of_retries_do_not_multiply_their_attempts() {
    let model = failing(&overloaded(), 10);
    let error = ask(&Retry::new(Retry::new(model.clone()))).await.unwrap_err();
    assert_eq!((model.asked().len(), error.attempts()), (3, Some(3)));
}

#[tokio::test(start_paused = true)]
async fn m1_each_attempt_is_visible_in_the_reply() {
    let start = ModelEvent::start(Some("reply_1".into()), None);
    let hello = [
        start.clone(),
        ModelEvent::content("Hello."),
        ModelEvent::finish(FinishReason::Stop, None),
    ];
    let answers = [
        Err(failure(ErrorKind::RateLimited).with_status(429)),
        Err(overloaded().with_request_id("req_2")),
        events(hello),
    ];
    let retry = Retry::new(Listed::new("first", answers));
    let retried = |attempt, error: &str| Warning::Retried { attempt, error: error.into() };
    let expected = [retried(1, "it failed (status 429)"), retried(2, "it failed (request req_2)")];

    let items = retry.stream(request()).await.unwrap().take(3).map(Result::unwrap);
    let [first, second] = expected.map(ModelEvent::Warning);
    assert_eq!(items.collect::<Vec<_>>().await, [start, first, second], "the start stays first");
}

#[tokio::test(start_paused = true)]
async fn m1_each_attempt_is_visible_in_telemetry_and_no_prompt_is() {
    let (heard, _guard) = Heard::listen();
    let limited = failure(ErrorKind::RateLimited).with_status(429).with_request_id("req_1");
    let answers = [Err(limited.with_retry_after(Duration::from_secs(2))), says("Hello.")];
    ask(&Retry::new(Listed::new("first", answers))).await.unwrap();
    let named = "provider=\"listed\" model=\"first\"";
    let expected = [
        format!(
            "WARN an attempt at the model failed {named} attempt=1 kind=RateLimited status=429 request_id=\"req_1\" wait=2s"
        ),
        format!("DEBUG the model answers {named} attempt=2"),
    ];
    assert_eq!(heard.lines(), expected);
    assert!(!heard.lines().concat().contains(PROMPT));
}

#[tokio::test(start_paused = true)]
async fn m1_the_last_failure_is_visible_in_telemetry_too() {
    let (heard, _guard) = Heard::listen();
    ask(&Retry::new(failing(&overloaded(), 1)).max_retries(0)).await.unwrap_err();
    let expected = "WARN an attempt at the model failed provider=\"listed\" model=\"first\" attempt=1 kind=Overloaded";
    assert_eq!(heard.lines(), [expected], "without a wait, since none follows");
}

/// The waits between attempts.
async fn waits(seed: u64, retries: usize) -> Vec<Duration> {
    let model = failing(&overloaded(), retries);
    ask(&Retry::new(model.clone()).max_retries(retries).seed(seed)).await.unwrap();
    model.asked().windows(2).map(|it| it[1].saturating_sub(it[0])).collect()
}

#[tokio::test(start_paused = true)]
async fn m2_waits_are_random_below_a_bound_that_doubles_from_half_a_second_up_to_thirty() {
    // A timer goes by whole milliseconds.
    let tick = Duration::from_millis(1);
    let bounds = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0].map(Duration::from_secs_f64);
    let mut longest = [Duration::ZERO; 8];
    let mut shortest = [Duration::MAX; 8];
    for seed in 0..100 {
        for (place, wait) in waits(seed, 8).await.into_iter().enumerate() {
            assert!(wait <= bounds[place] + tick, "wait {place} of seed {seed} is {wait:?}");
            longest[place] = longest[place].max(wait);
            shortest[place] = shortest[place].min(wait);
        }
    }
    for (place, bound) in bounds.into_iter().enumerate() {
        assert!(longest[place] > bound.mul_f64(0.9), "the whole of {bound:?} is used");
        assert!(shortest[place] < bound.mul_f64(0.1), "down to nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn m2_a_seed_gives_the_same_waits_and_another_gives_others() {
    assert_eq!(waits(7, 4).await, waits(7, 4).await);
    assert_ne!(waits(7, 4).await, waits(8, 4).await);
}

#[tokio::test(start_paused = true)]
async fn m2_a_wait_that_the_provider_asks_for_is_obeyed_to_the_letter() {
    for seconds in [0, 1, 30] {
        let wait = Duration::from_secs(seconds);
        let error = failure(ErrorKind::RateLimited).with_status(429).with_retry_after(wait);
        let model = failing(&error, 1);
        ask(&Retry::new(model.clone())).await.unwrap();
        assert_eq!(model.asked(), [Duration::ZERO, wait], "one retry, after {wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn m2_a_wait_longer_than_the_cap_is_an_error_at_once_that_says_so() {
    let wait = Duration::from_secs(90);
    let limited = failure(ErrorKind::RateLimited).with_status(429).with_retry_after(wait);
    let (model, begun) = (failing(&limited, 1), Instant::now());
    let error = ask(&Retry::new(model.clone())).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(model.asked().len(), 1);
    let text = "it failed; it asks to wait 90s, and a retry waits 30s at most; try again later (status 429)";
    assert_eq!(error.to_string(), text);
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(wait)));

    let patient = Retry::new(failing(&limited, 1)).longest_wait(Duration::from_secs(90));
    assert!(ask(&patient).await.is_ok(), "the cap is a choice");
}

#[tokio::test(start_paused = true)]
async fn m2_a_wait_beyond_the_deadline_is_an_error_at_once_that_says_so() {
    let limited = failure(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(20));
    let retry = Retry::new(failing(&limited, 1));
    let begun = Instant::now();
    let due = |seconds| request().with_deadline((begun + Duration::from_secs(seconds)).into_std());
    let error = retry.stream(due(19)).await.err().unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(
        error.to_string(),
        "it failed; the next attempt is due in 20s, and only 19s are left"
    );

    let retry = Retry::new(failing(&limited, 1));
    assert!(retry.stream(due(20)).await.is_ok(), "a wait that fits is waited");
}

#[tokio::test(start_paused = true)]
async fn m2_the_first_wait_is_a_choice() {
    let model = failing(&overloaded(), 2);
    let retry = Retry::new(model.clone()).first_wait(Duration::ZERO);
    ask(&retry).await.unwrap();
    assert_eq!(model.asked(), [Duration::ZERO; 3]);
}

#[tokio::test(start_paused = true)]
async fn e1_whoever_stops_waiting_stops_the_attempts() {
    let limited = failure(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(20));
    let model = failing(&limited, 1);
    let retry = Retry::new(model.clone());
    let asked = tokio::time::timeout(Duration::from_secs(10), ask(&retry)).await;
    assert!(asked.is_err());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(model.asked(), [Duration::ZERO]);
}

#[tokio::test(start_paused = true)]
async fn m3_a_reply_that_ends_before_it_said_anything_stays_one_that_broke_off() {
    let model = Listed::new("first", [Ok(vec![Ok(ModelEvent::start(None, None))])]);
    let error = ask(&Retry::new(model)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IncompleteReply);
}

/// A model whose reply ends at once and must not be asked for more then.
struct Strict;

#[async_trait]
impl LanguageModel for Strict {
    fn provider(&self) -> &'static str {
        "strict"
    }

    fn model(&self) -> &'static str {
        "strict"
    }

    async fn stream(&self, _: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        Ok(stream::unfold((), |()| async { None }).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn m3_a_reply_that_has_ended_is_not_asked_for_more() {
    assert_eq!(ask(&Retry::new(Strict)).await.unwrap_err().kind(), ErrorKind::IncompleteReply);
}
