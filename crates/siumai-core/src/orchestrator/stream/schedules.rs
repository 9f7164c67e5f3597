//! A stream and the steps beside it on two threads, under many schedules.
use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
};

use async_trait::async_trait;
use futures_util::{FutureExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use shuttle::{
    future::block_on,
    rand::{Rng, thread_rng},
    thread,
};
use tokio::sync::oneshot;

use super::*;
use crate::{
    sync::explore::explore,
    testing::{Reply, ScriptedModel},
    types::ToolStatus,
    user,
};

/// Tools that are done when another thread says so, each call in its turn.
#[derive(Default)]
struct Tools {
    doors: std::sync::Mutex<Vec<oneshot::Receiver<()>>>,
    witness: Witness,
}

#[async_trait]
impl ToolResolver for Tools {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        let door = self.doors.lock().unwrap().pop().unwrap();
        door.await.map_err(|_| LlmError::ToolExecutionError("the door is gone".into()))?;
        Ok(json!("seen"))
    }
}

/// Belongs to the driver, and counts how often that is dropped where others can go on meanwhile.
#[derive(Default)]
struct Witness {
    shared: Arc<OnceLock<Weak<Shared<'static>>>>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.get().and_then(Weak::upgrade) {
            // One that holds this lock already gets no further.
            drop(shared.seat());
        }
        self.dropped.fetch_add(1, SeqCst);
    }
}

/// A run of two steps with so many calls in the first, and what opens the doors of its tools.
fn run_with(calls: usize) -> (StreamOrchestration, Vec<oneshot::Sender<()>>, Arc<AtomicUsize>) {
    let reply = (0..calls).fold(Reply::empty(), |reply, _| reply.call("look", json!({})));
    let model = ScriptedModel::new().then(reply).reply("It is there.");
    let (openers, doors) = (0..calls).map(|_| oneshot::channel()).unzip();
    let tools = Tools { doors: std::sync::Mutex::new(doors), ..Tools::default() };
    let (shared, dropped) = (Arc::clone(&tools.witness.shared), Arc::clone(&tools.witness.dropped));
    let offered = vec![Tool::function("look", "Look there")];
    let options = OrchestratorOptions::default();
    let made =
        generate_stream_owned(model, vec![user!("Look!")], Some(offered), tools, vec![], options);
    let run = made.now_or_never().unwrap().unwrap();
    shared.set(Arc::downgrade(&run.stream.shared)).unwrap();
    (run, openers, dropped)
}

/// What a run with one call tells its reader.
const ONE_CALL: [&str; 14] = [
    "start",
    "step 0",
    "delta",
    "delta",
    "delta",
    "call_1",
    "call_1 is done",
    "end of 0",
    "step 1",
    "It ",
    "is ",
    "there.",
    "end of 1",
    "end",
];

fn label(event: Result<StreamEvent, RunError>) -> String {
    match event.unwrap() {
        StreamEvent::Start { .. } => "start".to_owned(),
        StreamEvent::StepStart { step_number } => format!("step {step_number}"),
        StreamEvent::Delta { delta, .. } => delta.content.unwrap_or_else(|| "delta".to_owned()),
        StreamEvent::ToolCall { call, .. } => call.id.clone(),
        StreamEvent::ToolResult { result, .. } => format!("{} is done", result.call_id),
        StreamEvent::StepFinish { step } => format!("end of {}", step.step_number),
        StreamEvent::End { .. } => "end".to_owned(),
        other => format!("{other:?}"),
    }
}

fn read(stream: &mut RunStream<'_>) -> Vec<String> {
    block_on(stream.map(label).collect())
}

fn open(door: oneshot::Sender<()>) {
    // Nobody is behind it if the run is over.
    door.send(()).unwrap_or_default();
}

#[test]
fn a_reader_and_the_steps_beside_it_both_get_to_the_end() {
    explore(|| {
        let (StreamOrchestration { mut stream, steps }, doors, dropped) = run_with(1);
        let reading = thread::spawn(move || (read(&mut stream), stream));
        let waiting = thread::spawn(move || block_on(steps).unwrap().len());
        doors.into_iter().for_each(open);
        let (events, _stream) = reading.join().unwrap();
        assert_eq!(events, ONE_CALL);
        assert_eq!(waiting.join().unwrap(), 2);
        assert_eq!(dropped.load(SeqCst), 1);
    });
}

#[test]
fn a_reader_who_stops_leaves_the_run_to_the_steps_and_finds_the_rest_later() {
    explore(|| {
        let (StreamOrchestration { mut stream, steps }, doors, _) = run_with(1);
        let count = thread_rng().gen_range(0..ONE_CALL.len());
        let reading = thread::spawn(move || {
            let mut few = Vec::new();
            while few.len() < count {
                few.extend(block_on(stream.next()).map(label));
            }
            (few, stream)
        });
        let waiting = thread::spawn(move || block_on(steps).unwrap().len());
        doors.into_iter().for_each(open);
        assert_eq!(waiting.join().unwrap(), 2);
        let (mut events, mut stream) = reading.join().unwrap();
        events.extend(read(&mut stream));
        assert_eq!(events, ONE_CALL);
    });
}

#[test]
fn steps_that_are_awaited_no_more_leave_the_run_to_its_reader() {
    explore(|| {
        let (StreamOrchestration { mut stream, mut steps }, doors, _) = run_with(1);
        let reading = thread::spawn(move || read(&mut stream));
        let count = thread_rng().gen_range(0..4);
        let waiting = thread::spawn(move || {
            let mut polled = 0;
            block_on(std::future::poll_fn(|cx| {
                polled += 1;
                if steps.poll_unpin(cx).is_ready() || polled > count {
                    return Poll::Ready(());
                }
                Poll::Pending
            }));
        });
        doors.into_iter().for_each(open);
        assert_eq!(reading.join().unwrap(), ONE_CALL);
        waiting.join().unwrap();
    });
}

#[test]
fn a_stream_that_is_dropped_cancels_the_steps_that_are_awaited() {
    explore(|| {
        let (StreamOrchestration { mut stream, mut steps }, doors, dropped) = run_with(1);
        // A step is finished by then.
        let reading = thread::spawn(move || {
            while label(block_on(stream.next()).unwrap()) != "end of 0" {}
            drop(stream);
        });
        let opening = thread::spawn(move || doors.into_iter().for_each(open));
        match block_on(&mut steps) {
            Err(cancelled) => {
                assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
                assert!(!cancelled.steps().is_empty());
            }
            // They had driven it to its end before.
            Ok(steps) => assert_eq!(steps.len(), 2),
        }
        reading.join().unwrap();
        opening.join().unwrap();
        assert_eq!(dropped.load(SeqCst), 1, "although there are steps yet");
    });
}

#[test]
fn a_stream_that_is_dropped_while_a_tool_runs_cancels_the_steps() {
    explore(|| {
        let (StreamOrchestration { stream, mut steps }, doors, dropped) = run_with(2);
        let dropping = thread::spawn(move || drop(stream));
        let cancelled = block_on(&mut steps).unwrap_err();
        assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
        let results = cancelled.steps().iter().flat_map(|step| &step.tool_results);
        assert!(results.into_iter().all(|it| it.status == ToolStatus::Cancelled));
        dropping.join().unwrap();
        assert_eq!(dropped.load(SeqCst), 1, "although there are steps yet");
        drop(doors);
    });
}

/// Polls as somebody does who was moved to another task: the waker of before is worth nothing.
fn moving<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> impl Future<Output = T> {
    std::future::poll_fn(move |cx| {
        let first = poll(&mut Context::from_waker(Waker::noop()));
        if first.is_ready() { first } else { poll(cx) }
    })
}

#[test]
fn whoever_comes_with_another_waker_is_woken_by_that() {
    explore(|| {
        let (StreamOrchestration { mut stream, mut steps }, doors, _) = run_with(1);
        let reading = thread::spawn(move || {
            let mut events = Vec::new();
            while let Some(event) = block_on(moving(|cx| stream.poll_next_unpin(cx))) {
                events.push(label(event));
            }
            events
        });
        let waiting = thread::spawn(move || block_on(moving(|cx| steps.poll_unpin(cx))).unwrap());
        doors.into_iter().for_each(open);
        assert_eq!(reading.join().unwrap(), ONE_CALL);
        assert_eq!(waiting.join().unwrap().len(), 2);
    });
}

#[test]
fn tools_that_are_done_on_other_threads_wake_whoever_waits() {
    explore(|| {
        let (StreamOrchestration { mut stream, steps }, doors, _) = run_with(3);
        let opening: Vec<_> =
            doors.into_iter().map(|door| thread::spawn(move || open(door))).collect();
        let waiting = thread::spawn(move || block_on(steps).unwrap());
        let events = read(&mut stream);
        let count = |what: &str| events.iter().filter(|it| it.ends_with(what)).count();
        assert_eq!((count("is done"), count("end")), (3, 1));
        assert_eq!(waiting.join().unwrap()[0].tool_results.len(), 3);
        for door in opening {
            door.join().unwrap();
        }
    });
}

#[test]
fn whoever_finds_the_driver_away_has_it_polled_again() {
    explore(|| {
        let has_read = Arc::new(AtomicBool::new(false));
        let is_read = Arc::clone(&has_read);
        let mut stream = RunStream::new(Delivery::Streamed, |events, outcome| {
            Box::pin(async move {
                events.emit(StreamEvent::StepStart { step_number: 0 }).await;
                // Nobody is woken by this. But who has read and comes again has the driver look.
                let look = || if is_read.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending };
                std::future::poll_fn(|_| look()).await;
                outcome.set(Err(RunError::unbegun(never_ended(), Vec::new())));
            })
        });
        let steps = Steps(Arc::clone(&stream.shared));
        let waiting = thread::spawn(move || block_on(steps).unwrap_err());
        assert_eq!(label(block_on(stream.next()).unwrap()), "step 0");
        has_read.store(true, SeqCst);
        assert!(block_on(stream.next()).unwrap().is_err());
        waiting.join().unwrap();
    });
}

/// A run whose parts emit within a set of futures, before and after they wait for a door.
fn run_of_parts(doors: Vec<oneshot::Receiver<()>>) -> RunStream<'static> {
    RunStream::new(Delivery::Streamed, |events, outcome| {
        Box::pin(async move {
            let part = async |(number, door): (usize, oneshot::Receiver<()>)| {
                events.emit(StreamEvent::StepStart { step_number: number }).await;
                door.await.unwrap();
                events.emit(StreamEvent::StepReset { step_number: number, attempt: 2 }).await;
            };
            let parts = doors.into_iter().enumerate().map(part);
            parts.collect::<FuturesUnordered<_>>().collect::<()>().await;
            outcome.set(Err(RunError::unbegun(never_ended(), Vec::new())));
        })
    })
}

#[test]
fn what_emits_within_a_set_of_futures_goes_on_whoever_polls() {
    explore(|| {
        let (openers, doors): (Vec<_>, _) = (0..3).map(|_| oneshot::channel()).unzip();
        let mut stream = run_of_parts(doors);
        let steps = Steps(Arc::clone(&stream.shared));
        let waiting = thread::spawn(move || block_on(steps).unwrap_err());
        let opening = thread::spawn(move || openers.into_iter().for_each(open));
        let mut seen = [0; 3];
        while let Some(Ok(event)) = block_on(stream.next()) {
            match event {
                StreamEvent::StepStart { step_number: part } if seen[part] == 0 => seen[part] = 1,
                StreamEvent::StepReset { step_number: part, .. } if seen[part] == 1 => {
                    seen[part] = 2;
                }
                other => panic!("{other:?} after {seen:?}"),
            }
        }
        assert_eq!(seen, [2; 3]);
        waiting.join().unwrap();
        opening.join().unwrap();
    });
}
