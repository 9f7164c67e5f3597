//! What a step may cost: a long run shares its messages and copies none.
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use serde_json::json;
use siumai_core::{
    LlmError, async_trait,
    model::{LanguageModel, ModelStream},
    orchestrator::{OrchestratorOptions, RunOutput, StoppedBy, run},
    testing::ScriptedModel,
    types::{ChatMessage, ChatRequest},
    user,
};

use crate::fixtures::{echo, script, tool};

const STEPS: usize = 200;

/// A model that keeps no request, only where in memory its messages lay and how many they were.
struct Forgetful {
    script: ScriptedModel,
    seen: Mutex<Vec<(usize, usize)>>,
}

#[async_trait]
impl LanguageModel for Forgetful {
    fn provider(&self) -> &str {
        self.script.provider()
    }

    fn model(&self) -> &str {
        self.script.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let place = request.messages().as_ptr().addr();
        self.seen.lock().unwrap().push((place, request.messages().len()));
        // A request that is as long as it claims, and of which nothing stays behind.
        self.script.stream(ChatRequest::new(vec![user!("forgotten")])).await
    }
}

/// A run of 200 steps with one tool call each; returns where its requests' messages lay, too.
async fn long_run() -> (RunOutput, Vec<(usize, usize)>) {
    let script = (0..STEPS).fold(script(), |script, n| script.calls("look", json!({ "n": n })));
    let model = Forgetful { script, seen: Mutex::default() };
    let options = OrchestratorOptions { max_steps: STEPS, ..Default::default() };
    let (tools, resolver) = (vec![tool("look")], echo(&["look"]));
    let output = run(&model, vec![user!("go")], Some(tools), Some(&resolver), &[], options).await;
    (output.unwrap(), model.seen.into_inner().unwrap())
}

#[tokio::test]
async fn a_run_of_200_steps_makes_no_copy_of_its_history() {
    let (output, seen) = long_run().await;
    assert_eq!(output.stopped_by, StoppedBy::MaxSteps);
    let lengths: Vec<_> = seen.iter().map(|(_, length)| *length).collect();
    assert_eq!(lengths, (0..STEPS).map(|step| 1 + 2 * step).collect::<Vec<_>>());
    // The list grows in place and moves only when it doubles: 1, 4, 8, … 512.
    let places: BTreeSet<_> = seen.iter().map(|(place, _)| *place).collect();
    assert!(places.len() <= 10, "the list of messages lay in {} places", places.len());
}

#[tokio::test]
async fn steps_and_history_share_their_messages() {
    let (output, _) = long_run().await;
    let of_steps: Vec<&ChatMessage> = output.steps.iter().flat_map(|it| &it.messages).collect();
    assert_eq!(of_steps.len(), 2 * STEPS);
    let of_history = &output.messages[1..];
    assert!(of_steps.into_iter().zip(of_history).all(|(a, b)| a.is_same(b)));
    for step in &output.steps {
        let call = step.messages[0].tool_calls().next().unwrap();
        let result = step.messages[1].tool_results().next().unwrap();
        assert!(Arc::ptr_eq(call, &step.tool_calls[0]));
        assert!(Arc::ptr_eq(result, &step.tool_results[0]));
    }
    assert!(output.response.message.is_same(&output.steps[STEPS - 1].messages[0]));
}

// Steps say how long they took, in as many digits as that has.
#[tokio::test(start_paused = true)]
async fn a_late_step_is_no_larger_than_an_early_one() {
    let (output, _) = long_run().await;
    let sizes = output.steps.iter().map(|step| serde_json::to_string(step).unwrap().len());
    let sizes: Vec<_> = sizes.collect();
    // Numbers of three digits stand at three places where those of one digit stood.
    let (smallest, largest) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    assert!(largest - smallest <= 6, "steps take {smallest} to {largest} bytes");
}
