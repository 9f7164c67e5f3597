//! A run that is cancelled by a token: where it stops, and what it leaves behind.
use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::join};
use serde_json::{Value, json};
use siumai_core::{
    CancellationToken, ErrorKind, LlmError, async_trait,
    orchestrator::{
        OrchestratorOptions, PrepareStepResult, StreamOrchestration, ToolApproval, ToolLoopAgent,
    },
    testing::{RecordingResolver, Reply},
    tool::{ToolContext, ToolResolver},
    types::ChatMessage,
    user,
};
use tokio::time::{Instant, sleep};

use crate::fixtures::{Notes, NotesDrop, Played, Scene, assert_answered_once, play, script, tool};

const CUT: &str = "The run ended before this call was finished. It may have been executed in part.";

fn cancelled_by(token: &CancellationToken) -> OrchestratorOptions {
    OrchestratorOptions { cancellation: Some(token.clone()), ..Default::default() }
}

fn assert_cancelled(played: &Played, finished_steps: usize) {
    let failed = played.failed();
    assert_eq!(failed.kind, ErrorKind::Cancelled);
    assert!(failed.text.starts_with("the run was cancelled"), "{}", failed.text);
    assert_eq!(failed.steps.len(), finished_steps);
    assert_answered_once(&failed.messages);
}

/// Notes what becomes of its calls; `cancel` cancels the run, `slow` takes a minute.
struct Tools {
    notes: Notes,
    run: CancellationToken,
}

#[async_trait]
impl ToolResolver for Tools {
    async fn call_tool(&self, _: &str, _: Value) -> Result<Value, LlmError> {
        Err(LlmError::fatal("the loop gives a context"))
    }

    async fn call_tool_with(
        &self,
        name: &str,
        _: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        self.notes.add(format!("{name} begins"));
        match name {
            "cancel" => {
                self.run.cancel();
                assert!(context.cancellation.is_cancelled(), "the call is cancelled with the run");
            }
            "slow" => {
                let _guard = NotesDrop(self.notes.clone(), "slow dropped");
                sleep(Duration::from_secs(60)).await;
            }
            _ => {}
        }
        Ok(json!(name))
    }
}

/// A run of these tools whose first step calls `quick`.
fn calling(notes: &Notes, calls: &[&str], options: OrchestratorOptions) -> Scene {
    let run = options.cancellation.clone().unwrap_or_default();
    let second = calls.iter().fold(Reply::empty(), |reply, name| reply.call(*name, json!({})));
    let model = script().calls("quick", json!({})).then(second).reply("Never.");
    Scene::new(model)
        .tools(["quick", "slow", "cancel"].map(tool))
        .resolver(Tools { notes: notes.clone(), run })
        .options(options)
}

#[tokio::test(start_paused = true)]
async fn e1_a_run_that_is_cancelled_before_it_begins_does_nothing() {
    let played = play(|notes| {
        let token = CancellationToken::new();
        token.cancel();
        calling(notes, &["quick"], cancelled_by(&token))
    })
    .await;
    assert_cancelled(&played, 0);
    assert_eq!(played.messages(), [user!("go")]);
    assert_eq!(played.event_types(), ["start"]);
    assert!(played.requests.is_empty() && played.notes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn e1_a_cancel_stops_a_reply_and_what_was_read_of_it_is_kept() {
    let played = play(|notes| {
        let token = CancellationToken::new();
        let (heard, cancel) = (notes.clone(), token.clone());
        let options = OrchestratorOptions {
            on_chunk: Some(Arc::new(move |text| {
                heard.add(text);
                if text == "two " {
                    cancel.cancel();
                }
            })),
            ..cancelled_by(&token)
        };
        Scene::new(script().reply("One two three four.")).options(options)
    })
    .await;
    assert_cancelled(&played, 0);
    assert_eq!(played.notes, ["One ", "two "]);
    assert_eq!(played.failed().partial_reply, Some(ChatMessage::assistant("One two ")));
    assert_eq!(played.event_types(), ["start", "step_start", "delta", "delta"]);
}

#[tokio::test(start_paused = true)]
async fn e1_a_cancel_from_elsewhere_wakes_a_run_that_waits() {
    let waits: [fn() -> Reply; 3] = [
        || Reply::text("Well").delayed(Duration::from_secs(60)),
        || Reply::text("Well").wait(Duration::from_secs(60)),
        || Reply::empty().call("slow", json!({})),
    ];
    for waits in waits {
        let (token, notes) = (CancellationToken::new(), Notes::default());
        let model = script().then(waits());
        let tools = Tools { notes: notes.clone(), run: token.clone() };
        let scene = Scene::new(model).tools([tool("slow")]).resolver(tools);
        let StreamOrchestration { stream, steps, .. } =
            scene.options(cancelled_by(&token)).stream().await;
        let begun = Instant::now();
        let cancel = async {
            sleep(Duration::from_secs(7)).await;
            token.cancel();
        };
        let (ended, ()) = join(steps, cancel).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(begun.elapsed(), Duration::from_secs(7));
        let last =
            stream.map(|it| it.map_err(|error| error.kind())).collect::<Vec<_>>().await.pop();
        assert_eq!(last.unwrap().unwrap_err(), ErrorKind::Cancelled, "the reader hears of it too");
    }
}

#[tokio::test(start_paused = true)]
async fn e2_a_cancel_stops_the_tools_and_each_call_has_one_result_that_says_what_happened() {
    let played = play(|notes| {
        let options = cancelled_by(&CancellationToken::new());
        let options = OrchestratorOptions { max_parallel_tools: 3, ..options };
        calling(notes, &["quick", "slow", "cancel", "quick"], options)
    })
    .await;
    assert_cancelled(&played, 2);
    let expected = [
        ("executed", "quick".to_owned()),
        ("cancelled", CUT.to_owned()),
        ("executed", "cancel".to_owned()),
        ("cancelled", CUT.to_owned()),
    ];
    assert_eq!(played.told(1), expected, "what was finished is kept");
    let expected = ["quick begins", "quick begins", "slow begins", "cancel begins", "slow dropped"];
    assert_eq!(played.notes, expected, "and nothing begins after");
    assert_eq!(played.took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn e1_a_cancel_while_approval_is_asked_lets_nothing_execute() {
    let played = play(|notes| {
        let token = CancellationToken::new();
        let cancel = token.clone();
        let options = OrchestratorOptions {
            on_tool_approval: Some(Arc::new(move |_, arguments: &Value| {
                cancel.cancel();
                ToolApproval::Approve(arguments.clone())
            })),
            ..cancelled_by(&token)
        };
        calling(notes, &[], options)
    })
    .await;
    assert_cancelled(&played, 1);
    assert_eq!(played.told(0), [("cancelled", CUT.to_owned())]);
    assert!(played.notes.is_empty() && played.calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn e1_a_cancel_between_steps_lets_no_further_one_begin() {
    let played = play(|notes| {
        let token = CancellationToken::new();
        let cancel = token.clone();
        let options = OrchestratorOptions {
            on_step_finish: Some(Arc::new(move |_| cancel.cancel())),
            prepare_step: Some(Arc::new(|_| PrepareStepResult::default())),
            ..cancelled_by(&token)
        };
        calling(notes, &["quick"], options)
    })
    .await;
    assert_cancelled(&played, 1);
    assert_eq!(played.requests.len(), 1);
    assert_eq!(played.event_types().last().unwrap(), "step_finish");
}

#[tokio::test(start_paused = true)]
async fn e1_nothing_happens_after_a_cancel() {
    let (token, notes) = (CancellationToken::new(), Notes::default());
    let options = OrchestratorOptions {
        on_finish: Some(Arc::new({
            let notes = notes.clone();
            move |_| notes.add("finished")
        })),
        ..cancelled_by(&token)
    };
    let scene = calling(&notes, &["slow", "slow"], options);
    let StreamOrchestration { stream, steps, .. } = scene.stream().await;
    let mut steps = Box::pin(steps);
    assert!((&mut steps).now_or_never().is_none());
    token.cancel();
    steps.now_or_never().unwrap().unwrap_err();
    let expected = ["quick begins", "slow begins", "slow begins", "slow dropped", "slow dropped"];
    assert_eq!(notes.all(), expected, "dropped before anybody hears of the end");
    sleep(Duration::from_secs(3600)).await;
    drop(stream);
    assert_eq!(notes.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn e1_a_cancel_after_the_last_reply_takes_nothing_away() {
    let played = play(|_| {
        let token = CancellationToken::new();
        let cancel = token.clone();
        let options = OrchestratorOptions {
            on_step_finish: Some(Arc::new(move |_| cancel.cancel())),
            ..cancelled_by(&token)
        };
        Scene::new(script().reply("Done.")).options(options)
    })
    .await;
    assert_eq!(played.output().response.content_text(), Some("Done."));
}

#[tokio::test(start_paused = true)]
async fn e2_a_cancelled_run_can_go_on_from_where_it_was() {
    let played =
        play(|notes| calling(notes, &["quick", "cancel"], cancelled_by(&CancellationToken::new())))
            .await;
    assert_cancelled(&played, 2);
    let messages = played.messages().to_vec();
    let resumed = play(|_| Scene::new(script().reply("Done.")).messages(messages.clone())).await;
    assert_eq!(resumed.output().warnings, [], "nothing in its history needs mending");
}

#[tokio::test(start_paused = true)]
async fn e1_a_token_cancels_every_run_of_an_agent() {
    let token = CancellationToken::new();
    let agent = ToolLoopAgent::new(script().reply("One.").reply("Two."), vec![], vec![]);
    let agent = agent.with_options(cancelled_by(&token));
    let resolver = RecordingResolver::new();
    agent.generate(vec![user!("go")], &resolver).await.unwrap();
    token.cancel();
    let error = agent.generate(vec![user!("go")], &resolver).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
