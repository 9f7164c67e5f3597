//! What is checked and made ready before a run begins.
use std::sync::Arc;

use super::{
    AnswerSchema, OrchestratorOptions, RunError, StopCondition,
    answer::Sought,
    limits::Limits,
    resume::news,
    run::{Rules, Run},
};
use crate::{
    LlmError,
    model::LanguageModel,
    tool::{ToolResolver, Toolbox},
    types::{ChatMessage, Settings, Tool},
};

/// A run that may begin.
pub(super) struct Prepared {
    pub(super) run: Run,
    /// What is said to it when its step is finished.
    pub(super) news: Vec<ChatMessage>,
    pub(super) toolbox: Toolbox,
    pub(super) settings: Arc<Settings>,
}

/// Checks all that can be wrong before a run begins.
pub(super) fn prepare(
    model: &dyn LanguageModel,
    messages: Vec<ChatMessage>,
    tools: Option<Vec<Tool>>,
    resolver: Option<&dyn ToolResolver>,
    options: &OrchestratorOptions,
) -> Result<Prepared, RunError> {
    let given = messages.clone();
    let prepared = || {
        check_limit("max_steps", options.max_steps)?;
        check_limit("max_parallel_tools", options.max_parallel_tools)?;
        options.limits.check()?;
        options.loop_guard.check()?;
        check_approval(options)?;
        let (mut run, news) = first_state(messages, options)?;
        let defined = resolver.map_or(Ok(Vec::new()), ToolResolver::definitions)?;
        let (mut tools, mut settings) = (tools.unwrap_or(defined), options.settings.clone());
        if let Some(answer) = &options.answer {
            answer.ask_for(model, &mut tools, &mut settings)?;
        }
        let toolbox = Toolbox::new(tools)?;
        run.warn(model.check_tools(&toolbox.active(None))?);
        Ok(Prepared { run, news, toolbox, settings: Arc::new(settings) })
    };
    prepared().map_err(|error| RunError::unbegun(error, given))
}

/// The state the run begins in, and what is said to it then.
fn first_state(
    messages: Vec<ChatMessage>,
    options: &OrchestratorOptions,
) -> Result<(Run, Vec<ChatMessage>), LlmError> {
    let run_id = options.run_id.clone();
    if let Some(suspended) = &options.resume {
        if let Some(other) = run_id.filter(|it| it != suspended.run_id()) {
            let id = suspended.run_id();
            return Err(LlmError::invalid_input(format!(
                "`resume` is the run `{id}`, and `run_id` names `{other}`; leave `run_id` out"
            )));
        }
        return Ok((suspended.clone().into_run(), news(messages)));
    }
    let run_id = run_id.unwrap_or_else(|| format!("run-{:032x}", fastrand::u128(..)));
    // For a run that the journal has, they are not its beginning: a result may answer its last calls.
    let said = if options.journal.is_some() { news(messages.clone()) } else { Vec::new() };
    let run = Run::new(run_id, messages);
    // Mended, they may have come to nothing.
    if run.is_empty() && options.journal.is_none() {
        return Err(LlmError::invalid_input("there are no messages; pass at least one"));
    }
    Ok((run, said))
}

fn check_approval(options: &OrchestratorOptions) -> Result<(), LlmError> {
    if options.on_tool_approval.is_none() || options.approver.is_none() {
        return Ok(());
    }
    Err(LlmError::invalid_input(
        "both `on_tool_approval` and `approver` are to decide on calls; give one of them",
    ))
}

fn check_limit(name: &str, limit: usize) -> Result<(), LlmError> {
    if limit > 0 {
        return Ok(());
    }
    Err(LlmError::invalid_input(format!(
        "{name} is 0, so nothing could ever run; give it at least 1"
    )))
}

pub(super) fn rules<'a>(
    options: &'a OrchestratorOptions,
    settings: &'a Arc<Settings>,
    stop: &'a [&'a dyn StopCondition],
    tools: &'a Toolbox,
) -> Rules<'a> {
    Rules {
        max_steps: options.max_steps,
        limits: Limits::of(options),
        stop,
        tool_choice: options.tool_choice.as_ref(),
        settings,
        prepare_step: options.prepare_step.as_ref(),
        step_retries: options.step_retries,
        on_context_too_long: options.on_context_too_long.as_ref(),
        tools,
        answer: options.answer.as_ref().map(|schema| {
            // Nobody else may have a tool of that name.
            Sought { schema, by_tool: tools.find(AnswerSchema::TOOL).is_some() }
        }),
    }
}
