//! What runs take of memory, and that they give it back. It stands apart from the other tests
//! since its allocator counts for the whole process.
use std::{
    alloc::System,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use siumai_core::{
    CancellationToken, ErrorKind, LlmError, async_trait,
    journal::MemoryJournal,
    model::layers::Retry,
    orchestrator::{OrchestratorOptions, RunError, RunOutput, StoppedBy, ToolApproval, run},
    testing::{Reply, ScriptedModel},
    tool::ToolResolver,
    types::{ChatMessage, Tool, Usage},
    user,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::{runtime::Handle, task::JoinSet, time::sleep};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that are in use.
fn in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

const RUNS: usize = 10_000;

/// Fails, crashes and dawdles, by what it is asked.
struct Moody {
    at_work: Arc<AtomicUsize>,
}

#[async_trait]
impl ToolResolver for Moody {
    async fn call_tool(&self, _: &str, arguments: Value) -> Result<Value, LlmError> {
        self.at_work.fetch_add(1, Ordering::SeqCst);
        let _done = Done(Arc::clone(&self.at_work));
        let mood = arguments["mood"].as_u64().unwrap_or_default();
        sleep(Duration::from_millis(mood)).await;
        match mood % 10 {
            0 => Err(LlmError::ToolExecutionError("it failed".to_owned())),
            1 => std::panic::resume_unwind(Box::new("it crashed")),
            2 => std::future::pending().await,
            _ => Ok(json!({ "mood": mood })),
        }
    }
}

struct Done(Arc<AtomicUsize>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Numbers that look random, the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Some steps of tools, some of which fail, and an answer, if nothing went wrong before.
fn script(dice: &mut Dice) -> ScriptedModel {
    let mut model = ScriptedModel::new();
    for _ in 0..=dice.roll(2) {
        if dice.roll(20) == 0 {
            model = model.fails(LlmError::new(ErrorKind::Overloaded, "overloaded"));
        }
        let mut reply = Reply::text("Let me see.").delayed(Duration::from_secs(1));
        for _ in 0..=dice.roll(4) {
            let name = match dice.roll(40) {
                0 => "pay",
                1 => "unknown",
                _ => "work",
            };
            reply = reply.call(name, json!({ "mood": dice.roll(100) }));
        }
        model = model.then(match dice.roll(50) {
            0 => reply.cut(),
            1 => reply.fail(LlmError::new(ErrorKind::ContentFilter, "refused")),
            _ => reply.usage(Usage::new(10, 5)),
        });
    }
    model.then(Reply::text("Done.").delayed(Duration::from_secs(1)).usage(Usage::new(3, 1)))
}

async fn one(seed: u64, at_work: Arc<AtomicUsize>) -> Result<RunOutput, RunError> {
    let mut dice = Dice(seed);
    let model = Retry::new(script(&mut dice));
    let cancellation = (dice.roll(10) == 0).then(CancellationToken::new);
    let options = OrchestratorOptions {
        cancellation: cancellation.clone(),
        journal: (dice.roll(4) == 0).then(|| Arc::new(MemoryJournal::new()) as _),
        step_retries: 1,
        timeouts: siumai_core::orchestrator::Timeouts {
            tool: Some(Duration::from_secs(2)),
            ..Default::default()
        },
        on_tool_approval: Some(Arc::new(|name, arguments| match name {
            "pay" => ToolApproval::Pause,
            _ => ToolApproval::Approve(arguments.clone()),
        })),
        ..Default::default()
    };
    let tools = ["work", "pay"].map(|name| {
        Tool::function(name, "Does something").parameter("mood", "integer", "A number", true)
    });
    let resolver = Moody { at_work };
    let going = run(&model, vec![user!("go")], Some(tools.to_vec()), Some(&resolver), &[], options);
    let cancelling = async {
        sleep(Duration::from_millis(dice.roll(5_000))).await;
        if let Some(token) = cancellation {
            token.cancel();
        }
    };
    tokio::join!(going, cancelling).0
}

/// Whether a run that begins with `messages` finds nothing to mend in them.
async fn is_valid(messages: Vec<ChatMessage>) -> bool {
    let model = ScriptedModel::new().reply("I see.");
    let output = run(&model, messages, None, None, &[], OrchestratorOptions::default()).await;
    output.is_ok_and(|it| it.warnings.is_empty())
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_runs_at_once_all_end_with_valid_histories_and_give_their_memory_back() {
    let at_work = Arc::new(AtomicUsize::new(0));
    // Once before, so that what is made once is there.
    drop(one(0, Arc::clone(&at_work)).await);
    let before = in_use();
    let mut runs = JoinSet::new();
    for seed in (0..).take(RUNS) {
        runs.spawn(one(seed, Arc::clone(&at_work)));
    }
    // All of them wait for their first reply, and then some for their tools.
    let mut most = 0;
    for _ in 0..20 {
        sleep(Duration::from_millis(250)).await;
        most = most.max(in_use() - before);
    }
    let mut ends = [0_usize; 4];
    while let Some(ended) = runs.join_next().await {
        let (messages, end) = match ended.unwrap() {
            Ok(output) => match output.stopped_by {
                StoppedBy::Answer => (output.messages, 0),
                StoppedBy::ApprovalPending => (output.messages, 1),
                other => panic!("a run was stopped by {other:?}"),
            },
            Err(failed) if failed.kind() == ErrorKind::Cancelled => (failed.messages().to_vec(), 2),
            Err(failed) => (failed.messages().to_vec(), 3),
        };
        ends[end] += 1;
        assert!(is_valid(messages).await);
    }
    drop(runs);
    let left = in_use().saturating_sub(before);
    let [answered, waiting, cancelled, failed] = ends;
    println!(
        "{RUNS} runs at once: {answered} answered, {waiting} wait for approval, {cancelled} were cancelled, \
         {failed} failed; at most {} MB, {} KB a run; {} KB are left",
        most / 1_000_000,
        most / 1_000 / RUNS,
        left / 1_000,
    );
    assert!(ends.iter().all(|it| *it > 50), "every end is there: {ends:?}");
    assert_eq!(at_work.load(Ordering::SeqCst), 0, "a tool outlived its run");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert!(most / RUNS < 64 * 1_024, "{most} bytes are too many");
    assert!(left < most / 100, "{left} of {most} bytes are left");
}
