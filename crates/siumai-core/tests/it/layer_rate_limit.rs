//! The layer that limits: how many begin in a stretch of time, how many are under way, and who waits.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::join_all};
use proptest::prelude::*;
use siumai_core::{
    ErrorKind, LlmError,
    model::{LanguageModel, ModelStream, layers::RateLimit},
};
use tokio::{
    join,
    time::{Instant, sleep, timeout},
};

use crate::layer_stand_ins::{Answer, Listed, ask, failure, request, says};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A model that says hello this often.
fn hellos(times: usize) -> Listed {
    Listed::new("first", std::iter::repeat_n(says("Hello."), times))
}

#[tokio::test(start_paused = true)]
async fn so_many_requests_begin_in_a_stretch_of_time_and_the_others_wait() {
    let model = hellos(5);
    let limited = RateLimit::new(model.clone()).requests_per(2, secs(10));
    join_all((0..5).map(|_| ask(&limited))).await;
    assert_eq!(model.asked(), [secs(0), secs(0), secs(10), secs(10), secs(20)]);
}

#[tokio::test(start_paused = true)]
async fn the_stretch_is_any_and_not_one_of_a_clock() {
    let model = hellos(4);
    let limited = RateLimit::new(model.clone()).requests_per(2, secs(10));
    ask(&limited).await.unwrap();
    sleep(secs(9)).await;
    join!(ask(&limited), ask(&limited), ask(&limited)).0.unwrap();
    assert_eq!(model.asked(), [secs(0), secs(9), secs(10), secs(19)]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_failed_counts_too() {
    let answers: [Answer; 2] = [Err(failure(ErrorKind::RateLimited)), says("Hello.")];
    let model = Listed::new("first", answers);
    let limited = RateLimit::new(model.clone()).requests_per(1, secs(10)).at_once(1);
    ask(&limited).await.unwrap_err();
    ask(&limited).await.unwrap();
    assert_eq!(model.asked(), [secs(0), secs(10)], "it was sent, and its place is free again");
}

#[tokio::test(start_paused = true)]
async fn whoever_came_first_is_served_first() {
    let order = Mutex::new(Vec::new());
    for limited in [
        RateLimit::new(hellos(20)).requests_per(1, secs(1)),
        RateLimit::new(hellos(20)).at_once(1),
        RateLimit::new(hellos(20)).requests_per(3, secs(1)).at_once(2),
    ] {
        let (limited, order) = (&limited, &order);
        join_all((0..20).map(|number| async move {
            sleep(Duration::from_millis(number)).await;
            let reply = limited.stream(request()).await.unwrap();
            order.lock().unwrap().push(number);
            sleep(secs(3)).await;
            drop(reply);
        }))
        .await;
        let served = std::mem::take(&mut *order.lock().unwrap());
        assert_eq!(served, (0..20).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_for_the_time_frees_its_turn() {
    let model = hellos(3);
    let limited = RateLimit::new(model.clone()).requests_per(1, secs(10));
    let impatient = async { timeout(secs(2), ask(&limited)).await };
    let (first, second, third) = join!(ask(&limited), impatient, ask(&limited));
    assert!((first.is_ok(), second.is_err(), third.is_ok()) == (true, true, true));
    assert_eq!(model.asked(), [secs(0), secs(10)], "the third takes the turn of the second");
}

/// A reply that is held and not read.
async fn hold(limited: &RateLimit<Listed>) -> ModelStream<'_> {
    limited.stream(request()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_under_way_at_once() {
    let limited = RateLimit::new(hellos(3)).at_once(2);
    let first = hold(&limited).await;
    let _second = hold(&limited).await;
    assert!(hold(&limited).now_or_never().is_none(), "both places are taken");
    drop(first);
    assert!(hold(&limited).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_place_is_held_until_the_reply_has_ended() {
    let limited = RateLimit::new(hellos(2)).at_once(1);
    let mut reply = hold(&limited).await;
    for _ in 0..2 {
        reply.next().await.unwrap().unwrap();
        assert!(hold(&limited).now_or_never().is_none(), "it may go on");
    }
    assert!(reply.next().await.is_none());
    assert!(hold(&limited).now_or_never().is_some(), "though the stream is not dropped");
    assert!(reply.next().now_or_never().is_some(), "and may be asked again");
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_for_a_place_leaves_it_to_the_next() {
    let limited = RateLimit::new(hellos(2)).at_once(1);
    let held = hold(&limited).await;
    let mut second = Box::pin(hold(&limited));
    let mut third = Box::pin(hold(&limited));
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());
    drop(held);
    // The place was handed to the second, which goes away without having taken it.
    drop(second);
    assert!((&mut third).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_is_an_error_and_no_wait_for_ever() {
    let text = "the limit is 0 requests, so none could ever begin; give it at least 1";
    for limited in
        [RateLimit::new(hellos(0)).at_once(0), RateLimit::new(hellos(0)).requests_per(0, secs(1))]
    {
        let error: LlmError = ask(&limited).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidInput, text));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nobody_waits() {
    let limited = RateLimit::new(hellos(100)).at_once(usize::MAX);
    assert_eq!((limited.provider(), limited.model()), ("listed", "first"));
    let replies: Vec<_> = join_all((0..100).map(|_| hold(&limited))).await;
    assert_eq!(replies.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn m2_a_wait_beyond_the_deadline_is_an_error_at_once() {
    let model = hellos(1);
    let limited = RateLimit::new(model.clone()).requests_per(1, secs(10));
    ask(&limited).await.unwrap();
    let late = request().with_deadline((Instant::now() + secs(9)).into_std());
    let error = limited.stream(late).now_or_never().unwrap().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(secs(10)));
    let text = "the limit on requests lets the next begin in 10s, and nobody waits that long; try again later, or raise the limit";
    assert_eq!(error.message(), text);
    assert_eq!(model.asked().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Each begins as soon as it may: when it has come, not before those ahead of it, and a
    /// stretch after the one that many places ahead.
    #[test]
    fn nobody_begins_too_early_and_nobody_too_late(
        pauses in prop::collection::vec(0_u64..400, 1..40),
        requests in 1_usize..6,
        stretch in 1_u64..1_000,
    ) {
        let stretch = Duration::from_millis(stretch);
        let mut comes = Duration::ZERO;
        let comes: Vec<_> = pauses.iter().map(|pause| {
            comes += Duration::from_millis(*pause);
            comes
        }).collect();
        let mut expected: Vec<Duration> = Vec::new();
        for (place, came) in comes.iter().enumerate() {
            let before = place.checked_sub(1).map_or(Duration::ZERO, |it| expected[it]);
            let pace = place.checked_sub(requests).map_or(Duration::ZERO, |it| expected[it] + stretch);
            expected.push((*came).max(before).max(pace));
        }

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let asked = runtime.block_on(async {
            let model = hellos(comes.len());
            let limited = Arc::new(RateLimit::new(model.clone()).requests_per(requests, stretch));
            join_all(comes.iter().map(|came| async {
                sleep(*came).await;
                ask(&limited).await.unwrap();
            }))
            .await;
            model.asked()
        });
        prop_assert_eq!(asked, expected);
    }
}
