//! Scenarios as data: each file under `scenarios/` is a run, and beside it stands what comes of it.
//!
//! To add a case, add a file, and let `INSTA_UPDATE=always` write its snapshot.
use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use siumai_core::{
    ErrorKind, LlmError, async_trait,
    model::{Delta, ToolCallDelta},
    orchestrator::{
        AtLimit, LoopGuard, OrchestratorOptions, PrepareStepContext, PrepareStepResult,
        StopCondition, ToolApproval, UsageLimits, has_text_response, has_tool_call, step_count_is,
    },
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::ToolResolver,
    types::{ChatMessage, FinishReason, Tool, ToolChoice, Usage},
};

use crate::fixtures::{Played, Scene, play};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What the scenario shows, for who reads the file.
    about: String,
    messages: Vec<ChatMessage>,
    #[serde(default)]
    tools: Vec<ToolLine>,
    replies: Vec<ReplyLine>,
    #[serde(default)]
    stop: Vec<StopLine>,
    #[serde(default)]
    max_steps: Option<usize>,
    #[serde(default)]
    at_limit: AtLimit,
    #[serde(default)]
    limits: UsageLimits,
    #[serde(default)]
    max_invalid_calls: Option<usize>,
    #[serde(default)]
    loop_guard: LoopGuard,
    #[serde(default)]
    max_parallel_tools: Option<usize>,
    #[serde(default)]
    tool_choice: Option<ToolChoice>,
    /// The active tools of a step, by its number.
    #[serde(default)]
    active_tools: BTreeMap<usize, Vec<String>>,
    /// What is decided on a tool, by its name. What is not named is approved.
    #[serde(default)]
    approvals: BTreeMap<String, ToolApproval>,
}

/// A tool, and what it does when it is executed. One that does nothing is left to the caller.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolLine {
    name: String,
    parameters: Value,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    does: Option<Deed>,
    #[serde(default)]
    after_ms: u64,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Returns(Value),
    Fails(String),
    Fatal(String),
    Panics(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyLine {
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    calls: Vec<CallLine>,
    #[serde(default)]
    usage: Option<(u64, u64)>,
    #[serde(default)]
    finish_reason: Option<FinishReason>,
    /// The reply breaks off.
    #[serde(default)]
    cut: bool,
    /// The reply fails with this.
    #[serde(default)]
    fails: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallLine {
    #[serde(default)]
    id: String,
    name: String,
    /// A string is sent as it is, anything else as JSON.
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopLine {
    StepCountIs(usize),
    HasToolCall(String),
    HasTextResponse,
}

#[tokio::test(start_paused = true)]
async fn every_scenario_gives_the_same_on_every_surface_and_what_stands_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut count = 0;
    for (name, text) in files(&folder) {
        let scenario: Scenario =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let played = play(|_| scenario.scene()).await;
        settings.set_description(&scenario.about);
        settings.bind(|| insta::assert_snapshot!(&*name, shown(&played)));
        count += 1;
    }
    assert!(count >= 12, "only {count} scenarios were found in {}", folder.display());
}

/// The scenarios of `folder`, by name. A snapshot without its scenario is an error.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut scenarios = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        match path.extension().and_then(|it| it.to_str()) {
            Some("json") => {
                scenarios.insert(name, fs::read_to_string(&path).unwrap());
            }
            Some("snap") => assert!(
                path.with_extension("json").exists(),
                "{name}.snap has no scenario; delete it"
            ),
            _ => {}
        }
    }
    scenarios
}

/// Each event as a line of JSON, then how the run ended.
fn shown(played: &Played) -> String {
    let mut lines: Vec<String> =
        played.events.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    lines.push(String::new());
    match &played.ended {
        Ok(output) => {
            lines.push(format!(
                "stopped by: {}",
                serde_json::to_string(&output.stopped_by).unwrap()
            ));
            lines.push(format!("pending: {}", serde_json::to_string(&output.pending).unwrap()));
            lines.push(format!("usage: {}", serde_json::to_string(&output.usage).unwrap()));
        }
        Err(failed) => {
            lines.push(format!("failed: {}", failed.text));
            lines.push(format!(
                "partial reply: {}",
                serde_json::to_string(&failed.partial_reply).unwrap()
            ));
            lines.push(format!("usage: {}", serde_json::to_string(&failed.usage).unwrap()));
        }
    }
    lines.push("history:".to_owned());
    lines.extend(played.messages().iter().map(|it| serde_json::to_string(it).unwrap()));
    lines.join("\n")
}

impl Scenario {
    fn scene(&self) -> Scene {
        let model =
            self.replies.iter().fold(ScriptedModel::new(), |model, it| model.then(it.reply()));
        let tools = self.tools.iter().map(ToolLine::tool);
        let scene = Scene::new(model)
            .messages(self.messages.clone())
            .tools(tools)
            .resolver(Deeds::of(&self.tools))
            .options(self.options());
        self.stop.iter().fold(scene, |scene, it| scene.stop(it.condition()))
    }

    fn options(&self) -> OrchestratorOptions {
        let (active, approvals) = (self.active_tools.clone(), self.approvals.clone());
        let prepare = move |ctx: PrepareStepContext<'_>| PrepareStepResult {
            active_tools: active.get(&ctx.step_number).cloned(),
            ..Default::default()
        };
        let approve = move |name: &str, arguments: &Value| {
            let decided = approvals.get(name).cloned();
            decided.unwrap_or_else(|| ToolApproval::Approve(arguments.clone()))
        };
        let defaults = OrchestratorOptions::default();
        OrchestratorOptions {
            max_steps: self.max_steps.unwrap_or(defaults.max_steps),
            max_parallel_tools: self.max_parallel_tools.unwrap_or(defaults.max_parallel_tools),
            at_limit: self.at_limit,
            limits: self.limits,
            max_invalid_calls: self.max_invalid_calls.unwrap_or(defaults.max_invalid_calls),
            loop_guard: self.loop_guard,
            tool_choice: self.tool_choice.clone(),
            prepare_step: Some(Arc::new(prepare)),
            on_tool_approval: Some(Arc::new(approve)),
            ..defaults
        }
    }
}

impl ToolLine {
    fn tool(&self) -> Tool {
        let tool = Tool::function_with_schema(&self.name, "A tool", self.parameters.clone());
        if self.exclusive { tool.exclusive() } else { tool }
    }
}

impl ReplyLine {
    fn reply(&self) -> Reply {
        let mut reply = Reply::empty();
        if let Some(thought) = &self.reasoning {
            reply = reply.reasoning(thought);
        }
        if let Some(text) = &self.text {
            reply = reply.delta(Delta::content(text));
        }
        for (index, call) in self.calls.iter().enumerate() {
            let arguments = match &call.arguments {
                Value::String(raw) => raw.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            let begin = ToolCallDelta::begin(index, &call.id, &call.name);
            reply = reply.delta(Delta::tool_call(ToolCallDelta { arguments, ..begin }));
        }
        let reason =
            if self.calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        reply = reply.finish_reason(self.finish_reason.clone().unwrap_or(reason));
        if let Some((input, output)) = self.usage {
            reply = reply.usage(Usage::new(input, output));
        }
        if let Some(error) = &self.fails {
            return reply.fail(LlmError::new(ErrorKind::Server, error));
        }
        if self.cut { reply.cut() } else { reply }
    }
}

impl StopLine {
    fn condition(&self) -> Box<dyn StopCondition> {
        match self {
            Self::StepCountIs(count) => step_count_is(*count),
            Self::HasToolCall(name) => has_tool_call(name),
            Self::HasTextResponse => has_text_response(),
        }
    }
}

/// Executes tools as a scenario says.
struct Deeds {
    resolver: RecordingResolver,
    delays: BTreeMap<String, Duration>,
}

impl Deeds {
    fn of(tools: &[ToolLine]) -> Self {
        let (mut resolver, mut delays) = (RecordingResolver::new(), BTreeMap::new());
        for ToolLine { name, does, after_ms, .. } in tools {
            delays.insert(name.clone(), Duration::from_millis(*after_ms));
            resolver = match does.clone() {
                Some(Deed::Returns(output)) => resolver.returning(name, output),
                Some(Deed::Fails(told)) => {
                    resolver.failing(name, LlmError::ToolExecutionError(told))
                }
                Some(Deed::Fatal(message)) => resolver.failing(name, LlmError::fatal(message)),
                Some(Deed::Panics(message)) => resolver.panicking(name, message),
                None => resolver,
            };
        }
        Self { resolver, delays }
    }
}

#[async_trait]
impl ToolResolver for Deeds {
    async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, LlmError> {
        tokio::time::sleep(self.delays[name]).await;
        self.resolver.call_tool(name, arguments).await
    }

    fn has_tool(&self, name: &str) -> bool {
        self.resolver.has_tool(name)
    }
}
