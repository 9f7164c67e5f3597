use std::future::poll_fn;

use futures_util::FutureExt;
use tokio::{
    task::consume_budget,
    time::{advance, timeout},
};

use super::*;

#[tokio::test(start_paused = true)]
async fn only_a_silence_without_a_break_is_too_long() {
    let (begun, mut silence) = (Instant::now(), Silence::default());
    for _ in 0..3 {
        let heard = timeout(Duration::from_secs(400), poll_fn(|cx| silence.poll_too_long(cx)));
        heard.await.unwrap_err();
        silence.broken();
    }
    poll_fn(|cx| silence.poll_too_long(cx)).await;
    assert_eq!(begun.elapsed().as_secs(), 3 * 400 + 600);
}

#[tokio::test(start_paused = true)]
async fn who_has_done_much_in_a_turn_is_told_of_a_silence_in_it_all_the_same() {
    let mut silence = Silence::default();
    let mut is_too_long = || poll_fn(|cx| silence.poll_too_long(cx)).now_or_never().is_some();
    assert!(!is_too_long());
    advance(IDLE_TIMEOUT + Duration::from_millis(1)).await;
    while consume_budget().now_or_never().is_some() {}
    assert!(is_too_long());
}
