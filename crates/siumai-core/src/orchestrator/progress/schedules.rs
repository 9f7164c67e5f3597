//! What tools report from other threads, under many schedules.
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use shuttle::{future::block_on, thread};
use tokio::sync::oneshot;

use crate::{
    LlmError,
    orchestrator::{OrchestratorOptions, StreamEvent, StreamOrchestration, generate_stream_owned},
    sync::explore::explore,
    testing::ScriptedModel,
    tool::{ToolContext, ToolResolver},
    types::Tool,
    user,
};

/// Leaves its reports to another thread, and is done when somebody has read the last of them.
struct Reporting(Mutex<Option<oneshot::Receiver<()>>>);

#[async_trait]
impl ToolResolver for Reporting {
    async fn call_tool(&self, name: &str, _: Value) -> Result<Value, LlmError> {
        panic!("`{name}` was called without its context")
    }

    async fn call_tool_with(
        &self,
        _: &str,
        _: Value,
        context: &ToolContext,
    ) -> Result<Value, LlmError> {
        let context = context.clone();
        thread::spawn(move || (1..=3).for_each(|report| context.progress(report)));
        let read = self.0.lock().unwrap().take().unwrap();
        read.await.unwrap();
        Ok(json!("done"))
    }
}

#[test]
fn reports_get_to_a_reader_while_somebody_awaits_the_steps() {
    explore(|| {
        let model = ScriptedModel::new().calls("look", json!({})).reply("Seen.");
        let (has_read, read) = oneshot::channel();
        let tools = Reporting(Mutex::new(Some(read)));
        let offered = vec![Tool::function("look", "Look there")];
        let options = OrchestratorOptions::default();
        let made =
            generate_stream_owned(model, vec![user!("Hi")], Some(offered), tools, vec![], options);
        let StreamOrchestration { mut stream, steps } = made.now_or_never().unwrap().unwrap();
        let waiting = thread::spawn(move || block_on(steps).unwrap().len());
        let mut has_read = Some(has_read);
        let mut reports = Vec::new();
        while let Some(event) = block_on(stream.next()) {
            let StreamEvent::ToolProgress { value, .. } = event.unwrap() else { continue };
            if value == json!(3) {
                has_read.take().unwrap().send(()).unwrap();
            }
            reports.push(value);
        }
        assert_eq!(reports, [1, 2, 3].map(Value::from));
        assert_eq!(waiting.join().unwrap(), 2);
    });
}
