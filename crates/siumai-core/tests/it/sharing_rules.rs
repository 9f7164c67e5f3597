//! A stream and the steps beside it: two may wait for one run, and either drives it.
use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use futures_util::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    orchestrator::{RunStream, StreamOrchestration, custom_condition},
    testing::Reply,
    tool::ToolResolver,
};

use crate::fixtures::{Notes, Scene, assert_answered_once, event_type, play, script, soon, tool};

/// Two steps that take two seconds.
fn slow_scene(_: &Notes) -> Scene {
    let wait = Duration::from_secs(1);
    let model = script()
        .then(Reply::text("Let me see.").wait(wait).call("look", json!({})))
        .then(Reply::text("It is here.").delayed(wait));
    Scene::new(model).echoing(["look"])
}

/// The same without waiting.
fn quick_scene() -> Scene {
    Scene::new(script().calls("look", json!({})).reply("It is here.")).echoing(["look"])
}

async fn types_of(stream: &mut RunStream<'_>) -> Vec<String> {
    stream.by_ref().map(|event| event_type(&event.unwrap())).collect().await
}

#[tokio::test(start_paused = true)]
async fn e1_steps_beside_a_stream_that_is_not_read_drive_the_run_to_its_end() {
    let expected = play(slow_scene).await;
    let StreamOrchestration { mut stream, steps, .. } =
        slow_scene(&Notes::default()).stream().await;
    assert_eq!(soon(steps).await.unwrap(), expected.steps());
    let begun = tokio::time::Instant::now();
    let events: Vec<_> = stream.by_ref().map(Result::unwrap).collect().await;
    assert_eq!(events, expected.events, "what was driven past is kept for the reader");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(stream.finish().await.unwrap(), *expected.output());
}

#[tokio::test(start_paused = true)]
async fn e1_steps_drive_on_from_wherever_reading_stopped() {
    let expected = play(slow_scene).await;
    for read in 0..=expected.events.len() {
        let StreamOrchestration { mut stream, steps, .. } =
            slow_scene(&Notes::default()).stream().await;
        let mut events: Vec<_> = stream.by_ref().take(read).map(Result::unwrap).collect().await;
        assert_eq!(soon(steps).await.unwrap(), expected.steps(), "after {read} events");
        events.extend(stream.map(Result::unwrap).collect::<Vec<_>>().await);
        assert_eq!(events, expected.events, "after {read} events");
    }
}

#[tokio::test(start_paused = true)]
async fn e1_a_reader_beside_the_steps_sees_every_event_once() {
    let expected = play(slow_scene).await;
    for steps_first in [true, false] {
        let StreamOrchestration { stream, steps, .. } =
            slow_scene(&Notes::default()).stream().await;
        let reading = stream.map(Result::unwrap).collect::<Vec<_>>();
        let (steps, events) = if steps_first {
            soon(async { tokio::join!(steps, reading) }).await
        } else {
            let (events, steps) = soon(async { tokio::join!(reading, steps) }).await;
            (steps, events)
        };
        assert_eq!(events, expected.events);
        assert_eq!(steps.unwrap(), expected.steps());
    }
}

#[tokio::test(start_paused = true)]
async fn e1_steps_of_a_run_that_failed_are_its_error() {
    let scene = Scene::new(script().calls("look", json!({})).then(Reply::text("Half").cut()));
    let StreamOrchestration { stream, steps, .. } = scene.echoing(["look"]).stream().await;
    let failed = soon(steps).await.unwrap_err();
    assert_eq!((failed.kind(), failed.steps().len()), (ErrorKind::IncompleteReply, 1));
    let last = stream.collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last.unwrap_err().kind(), ErrorKind::IncompleteReply);
}

#[tokio::test(start_paused = true)]
async fn e1_steps_wait_no_longer_when_the_stream_is_dropped_meanwhile() {
    let scene = Scene::new(script().then(Reply::text("Well").wait(Duration::from_secs(60))));
    let StreamOrchestration { stream, steps, .. } = scene.stream().await;
    let drop_later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(stream);
    };
    let begun = tokio::time::Instant::now();
    let (ended, ()) = soon(async { tokio::join!(steps, drop_later) }).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

/// Runs `future` on this thread, a minute at most.
fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let minute = Duration::from_secs(60);
    let ended = runtime.block_on(async { tokio::time::timeout(minute, future).await });
    ended.expect("something waits for ever")
}

#[test]
fn e1_steps_may_be_awaited_on_another_thread() {
    for _ in 0..300 {
        let orchestration = block_on(quick_scene().stream());
        let StreamOrchestration { mut stream, steps, .. } = orchestration;
        let elsewhere = thread::spawn(move || block_on(steps));
        let types = block_on(types_of(&mut stream));
        assert_eq!(elsewhere.join().unwrap().unwrap().len(), 2);
        assert_eq!(types.last().unwrap(), "end");
        assert_eq!(types.len(), 14, "{types:?}");
    }
}

#[test]
fn e1_a_stream_may_be_dropped_while_another_thread_drives_its_steps() {
    for round in 0..200 {
        let orchestration = block_on(quick_scene().stream());
        let StreamOrchestration { mut stream, steps, .. } = orchestration;
        let elsewhere = thread::spawn(move || block_on(steps));
        block_on(stream.by_ref().take(round % 15).count());
        drop(stream);
        match elsewhere.join().unwrap() {
            Ok(steps) => assert_eq!(steps.len(), 2),
            Err(failed) => {
                assert_eq!(failed.kind(), ErrorKind::Cancelled);
                assert_answered_once(failed.messages());
            }
        }
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn e1_steps_that_wait_are_woken_when_the_stream_is_dropped() {
    let scene = Scene::new(script().then(Reply::text("Well").wait(Duration::from_secs(60))));
    let StreamOrchestration { stream, mut steps, .. } = scene.stream().await;
    let woken = Arc::new(Counts::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut steps).poll(&mut cx).is_pending());
    drop(stream);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(Pin::new(&mut steps).poll(&mut cx).is_ready());
}

/// A tool that polls the reader of its own run: the reader finds the driver taken.
struct PollsReader {
    reader: Arc<Mutex<Option<RunStream<'static>>>>,
    woken: Arc<Counts>,
}

#[async_trait]
impl ToolResolver for PollsReader {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        let mut reader = self.reader.lock().unwrap().take().unwrap();
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut cx = Context::from_waker(&waker);
        while Pin::new(&mut reader).poll_next(&mut cx).is_ready() {}
        *self.reader.lock().unwrap() = Some(reader);
        Ok(json!("polled"))
    }
}

#[tokio::test(start_paused = true)]
async fn e1_a_reader_that_found_the_run_taken_is_woken_by_what_comes_after() {
    let (reader, woken) = (Arc::new(Mutex::new(None)), Arc::new(Counts::default()));
    let resolver = PollsReader { reader: Arc::clone(&reader), woken: Arc::clone(&woken) };
    let model = script().calls("look", json!({})).reply("Done.");
    let scene = Scene::new(model).tools([tool("look")]).resolver(resolver);
    let StreamOrchestration { stream, steps, .. } = scene.stream().await;
    *reader.lock().unwrap() = Some(stream);
    assert_eq!(soon(steps).await.unwrap().len(), 2);
    assert!(woken.0.load(Ordering::Relaxed) > 0, "or it would wait for ever");
    let mut stream = reader.lock().unwrap().take().unwrap();
    assert_eq!(types_of(&mut stream).await.last().unwrap(), "end");
}

/// A tool that drops the reader of its own run.
struct DropsReader(Arc<Mutex<Option<RunStream<'static>>>>);

#[async_trait]
impl ToolResolver for DropsReader {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        drop(self.0.lock().unwrap().take());
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(json!("never"))
    }
}

#[tokio::test(start_paused = true)]
async fn e1_a_stream_dropped_by_its_own_tool_stops_the_run_at_that_tools_next_await() {
    let reader = Arc::new(Mutex::new(None));
    let model = script().calls("look", json!({})).reply("Never.");
    let scene = Scene::new(model).tools([tool("look")]).resolver(DropsReader(Arc::clone(&reader)));
    let StreamOrchestration { stream, steps, .. } = scene.stream().await;
    *reader.lock().unwrap() = Some(stream);
    let failed = soon(steps).await.unwrap_err();
    assert_eq!((failed.kind(), failed.steps().len()), (ErrorKind::Cancelled, 1));
}

#[tokio::test(start_paused = true)]
async fn l8_a_panic_while_the_steps_drive_ends_the_stream_as_well() {
    let scene = quick_scene().stop(custom_condition(|_| panic!("no way")));
    let StreamOrchestration { stream, steps, .. } = scene.stream().await;
    let mut reading = pin!(stream.collect::<Vec<_>>());
    let failed = soon(steps).await.unwrap_err();
    assert_eq!((failed.kind(), failed.steps().len()), (ErrorKind::Panicked, 1));
    let events = reading.as_mut().now_or_never().unwrap();
    assert_eq!(events.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Panicked);
}

#[tokio::test(start_paused = true)]
async fn e1_steps_that_are_dropped_leave_the_stream_as_it_is() {
    let StreamOrchestration { stream, steps, .. } = quick_scene().stream().await;
    let mut steps = Box::pin(steps);
    let mut reading = Box::pin(stream.collect::<Vec<_>>());
    let is_over = |poll: Poll<_>| poll.is_ready();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(is_over(steps.as_mut().poll(&mut cx).map(|_| ())));
    drop(steps);
    assert_eq!(reading.as_mut().await.len(), 14);
}
