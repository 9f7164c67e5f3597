use std::future::poll_fn;

use tokio::time::timeout;

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
