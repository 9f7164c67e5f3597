//! The layer that lets another model take over: when it does, when never, and who is seen to answer.
use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use siumai_core::{
    ErrorKind,
    model::{
        LanguageModel, ModelEvent,
        layers::{Fallback, Retry},
    },
    orchestrator::{OrchestratorOptions, run},
    testing::ScriptedModel,
    types::{FinishReason, Warning},
    user,
};

use crate::layer_stand_ins::{Heard, Listed, PROMPT, ask, events, failure, request, says};

const TAKES_OVER: [ErrorKind; 7] = [
    ErrorKind::Connection,
    ErrorKind::NotFound,
    ErrorKind::Overloaded,
    ErrorKind::PermissionDenied,
    ErrorKind::RateLimited,
    ErrorKind::Server,
    ErrorKind::Timeout,
];

const ENDS: [ErrorKind; 10] = [
    ErrorKind::Authentication,
    ErrorKind::Cancelled,
    ErrorKind::ContentFilter,
    ErrorKind::ContextTooLong,
    ErrorKind::IncompleteReply,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidRequest,
    ErrorKind::MalformedReply,
    ErrorKind::OutOfOrder,
    ErrorKind::Panicked,
];

/// The answer of two models of which the first fails in this way.
async fn second_after(kind: ErrorKind) -> Result<Option<String>, ErrorKind> {
    let first = Listed::new("first", [Err(failure(kind))]);
    let model = Fallback::new(first).or(Listed::new("second", [says("Hello.")]));
    let reply = ask(&model).await.map_err(|error| error.kind())?;
    Ok(reply.content_text().map(str::to_owned))
}

#[tokio::test(start_paused = true)]
async fn m5_another_model_takes_over_on_the_kinds_that_say_so_and_no_others() {
    for kind in TAKES_OVER {
        assert_eq!(second_after(kind).await, Ok(Some("Hello.".to_owned())), "{kind:?}");
    }
    for kind in ENDS {
        assert_eq!(second_after(kind).await, Err(kind));
    }
}

#[tokio::test(start_paused = true)]
async fn m5_which_errors_let_another_take_over_is_a_choice() {
    let too_long = || Listed::new("first", [Err(failure(ErrorKind::ContextTooLong))]);
    let model = Fallback::new(too_long())
        .or(Listed::new("second", [says("Hello.")]))
        .when(|error| error.kind() == ErrorKind::ContextTooLong);
    assert_eq!(ask(&model).await.unwrap().content_text(), Some("Hello."));

    let second = Listed::new("second", []);
    let first = Listed::new("first", [Err(failure(ErrorKind::Overloaded))]);
    let model = Fallback::new(first).or(second.clone()).when(|_| false);
    assert_eq!(ask(&model).await.unwrap_err().kind(), ErrorKind::Overloaded);
    assert!(second.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn m5_a_provider_that_wants_no_retry_says_nothing_of_other_models() {
    let first = Listed::new("first", [Err(failure(ErrorKind::Server).with_retryable(false))]);
    let model = Fallback::new(first).or(Listed::new("second", [says("Hello.")]));
    assert_eq!(ask(&model).await.unwrap().content_text(), Some("Hello."));
}

#[tokio::test(start_paused = true)]
async fn m5_another_takes_over_if_the_reply_fails_before_it_said_anything() {
    let start = Ok(ModelEvent::start(Some("reply_1".into()), None));
    let first = Listed::new("first", [Ok(vec![start, Err(failure(ErrorKind::Overloaded))])]);
    let model = Fallback::new(first).or(Listed::new("second", [says("Hello.")]));
    let reply = ask(&model).await.unwrap();
    assert_eq!((reply.id.as_deref(), reply.content_text()), (None, Some("Hello.")));
}

#[tokio::test(start_paused = true)]
async fn m5_nobody_takes_over_after_the_first_event() {
    let items = vec![Ok(ModelEvent::content("Well")), Err(failure(ErrorKind::Overloaded))];
    let second = Listed::new("second", []);
    let model = Fallback::new(Listed::new("first", [Ok(items)])).or(second.clone());
    let items: Vec<_> = model.stream(request()).await.unwrap().collect().await;
    let [Ok(event), Err(error)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((event, error.kind()), (&ModelEvent::content("Well"), ErrorKind::Overloaded));
    assert!(second.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn m5_the_reply_tells_which_model_answered_and_why() {
    let answer = [
        ModelEvent::start(None, Some("third-2026".into())),
        ModelEvent::content("Hello."),
        ModelEvent::finish(FinishReason::Stop, None),
    ];
    let third = Listed::new("third", [events(answer)]);
    let model = Fallback::new(Listed::new("first", [Err(failure(ErrorKind::NotFound))]))
        .or(Listed::new("second", [Err(failure(ErrorKind::Overloaded).with_status(529))]))
        .or(third);
    assert_eq!((model.provider(), model.model()), ("listed", "first"));
    let reply = ask(&model).await.unwrap();
    let answered = (reply.provider.as_deref(), reply.model.as_deref());
    assert_eq!(answered, (Some("listed"), Some("third-2026")));
    let fell_back = |from: &str, to: &str, error: &str| Warning::FellBack {
        from: from.into(),
        to: to.into(),
        error: error.into(),
    };
    let expected = [
        fell_back("listed:first", "listed:second", "it failed"),
        fell_back("listed:second", "listed:third", "it failed (status 529)"),
    ];
    assert_eq!(reply.warnings, expected);
}

#[tokio::test(start_paused = true)]
async fn m5_a_step_says_which_model_answered_even_if_its_reply_does_not() {
    let gone = || Listed::new("first", [Err(failure(ErrorKind::NotFound))]);
    let second = || Listed::new("second", [says("Hello.")]);
    let inner = Fallback::new(gone()).or(second());
    let models: [Box<dyn LanguageModel>; 3] = [
        Box::new(second()),
        Box::new(Fallback::new(gone()).or(second())),
        Box::new(Fallback::new(gone()).or(inner)),
    ];
    for model in models {
        let options = OrchestratorOptions::default();
        let output = run(&*model, vec![user!("Hi")], None, None, &[], options).await.unwrap();
        let answered = (output.steps[0].provider.as_deref(), output.steps[0].model.as_deref());
        assert_eq!(answered, (Some("listed"), Some("second")));
        assert_eq!(output.response.content_text(), Some("Hello."));
    }
}

#[tokio::test(start_paused = true)]
async fn m5_if_all_fail_the_error_is_the_last_and_names_those_before() {
    let model = Fallback::new(Listed::new("first", [Err(failure(ErrorKind::Overloaded))]))
        .or(Listed::new("second", [Err(failure(ErrorKind::Authentication).with_status(401))]));
    let error = ask(&model).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    let text =
        "it failed; `listed:first` failed, and `listed:second` took over: it failed (status 401)";
    assert_eq!(error.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn m5_every_model_is_sent_the_same_request() {
    let models = [0, 1].map(|_| Arc::new(ScriptedModel::new().fails(failure(ErrorKind::Server))));
    let fallback = Fallback::new(Arc::clone(&models[0])).or(Arc::clone(&models[1]));
    ask(&fallback).await.unwrap_err();
    assert_eq!(models[0].requests(), [request()]);
    assert_eq!(models[1].requests(), [request()]);
}

#[tokio::test(start_paused = true)]
async fn m5_a_wait_that_is_too_long_for_a_retry_lets_another_take_over_at_once() {
    let limited = failure(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(90));
    let first = Listed::new("first", [Err(limited)]);
    let second = Listed::new("second", [says("Hello.")]);
    let model = Fallback::new(Retry::new(first)).or(Retry::new(second.clone()));
    assert_eq!(ask(&model).await.unwrap().content_text(), Some("Hello."));
    assert_eq!(second.asked(), [Duration::ZERO]);
}

#[tokio::test(start_paused = true)]
async fn m5_a_fallback_is_visible_in_telemetry_and_no_prompt_is() {
    let (heard, _guard) = Heard::listen();
    let first = Listed::new("first", [Err(failure(ErrorKind::Overloaded).with_status(529))]);
    let model = Fallback::new(first).or(Listed::new("second", [says("Hello.")]));
    ask(&model).await.unwrap();
    let expected = "WARN a model failed and another takes over from=\"listed:first\" to=\"listed:second\" kind=Overloaded status=529";
    assert_eq!(heard.lines(), [expected]);
    assert!(!heard.lines().concat().contains(PROMPT));
    assert_eq!(
        format!("{model:?}"),
        "Fallback { models: [\"listed:first\", \"listed:second\"], .. }"
    );
}
