//! The course of a run: steps, calls, results, times and tokens.
use std::{
    fmt::Write as _,
    io::Write,
    time::{Duration, Instant},
};

use anstyle::Style;
use dialoguer::console::truncate_str;
use serde_json::Value;
use siumai::{
    ErrorKind,
    orchestrator::{StepResult, StoppedBy, StreamEvent, UsageLimit},
    types::{ToolCall, ToolResult, ToolStatus, Usage},
};

use super::{paint, printable};
use crate::{
    clock,
    run::{Durations, Ended, How, Limits},
    saved::short,
    stop::Cause,
};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Errors only.
    Quiet,
    /// Everything, each thing on a line; on a terminal, a line of this width.
    Short(usize),
    /// Everything, each thing on a line as long as it needs.
    Whole,
    /// Also the model's reasoning, and the beginning of steps.
    Verbose,
}

/// Writes the course of a run. That nobody reads it does not stop the run.
pub(crate) struct Progress<W> {
    out: W,
    detail: Detail,
    durations: Durations,
    began: Instant,
    step_began: Instant,
    is_reasoning: bool,
    /// When a tool's progress was shown last.
    reported: Option<Instant>,
}

/// Reports of tools that come sooner after another are not shown.
const BETWEEN_REPORTS: Duration = Duration::from_millis(500);

impl<W: Write> Progress<W> {
    pub(crate) fn new(out: W, detail: Detail, durations: Durations) -> Self {
        let now = clock::instant();
        let (is_reasoning, reported) = (false, None);
        Self { out, detail, durations, began: now, step_began: now, is_reasoning, reported }
    }

    /// Says which model is used, and why.
    pub(crate) fn model(&mut self, model: &str, why: Option<&str>) {
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        self.line(paint::FAINT, "model:", &format!("{}{}", printable(model), printable(&why)));
    }

    /// Says what is not as it should be, and does not stop the run.
    pub(crate) fn warning(&mut self, warning: &str) {
        self.line(paint::WARNING, "warning:", &printable(warning));
    }

    /// Makes room for an answer that goes on with `event`.
    pub(crate) fn before(&mut self, event: &StreamEvent) {
        if let StreamEvent::Delta { delta, .. } = event
            && delta.reasoning.is_none()
        {
            self.end_reasoning();
        }
    }

    /// Says what happened.
    pub(crate) fn event(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Delta { delta, .. } => {
                if let Some(thought) = &delta.reasoning {
                    self.reasoning(thought);
                }
                return;
            }
            StreamEvent::Warning { warning, .. } => {
                self.warning(&warning.to_string());
            }
            StreamEvent::StepStart { step_number, .. } => {
                self.step_began = clock::instant();
                if self.detail == Detail::Verbose {
                    self.line(paint::FAINT, &format!("step {}", step_number + 1), "");
                }
            }
            StreamEvent::ToolCall { call, .. } => self.call(call),
            StreamEvent::ToolProgress { name, value, .. } => self.report(name, value),
            StreamEvent::ToolResult { result, .. } => self.result(result),
            StreamEvent::StepFinish { step, .. } if !step.tool_calls.is_empty() => {
                let took = seconds(self.step_began.elapsed());
                let tokens = step.usage.as_ref().map(tokens).unwrap_or_default();
                let number = step.step_number + 1;
                self.line(paint::FAINT, &format!("step {number}:"), &format!("{took}{tokens}"));
            }
            _ => {}
        }
        self.end_reasoning();
    }

    /// Says how it ended, and what was done.
    pub(crate) fn end(&mut self, ended: &Ended, limits: &Limits) {
        self.end_reasoning();
        if let How::Failed(_) | How::Stopped(_) = ended.how
            && let Some(step) = ended.steps.last()
        {
            // Their results came too late for an event.
            let cut_short = |it: &&std::sync::Arc<ToolResult>| {
                matches!(it.status, ToolStatus::Cancelled | ToolStatus::Interrupted)
            };
            step.tool_results.iter().filter(cut_short).for_each(|result| self.result(result));
        }
        let summary = summary(ended, self.began.elapsed());
        match &ended.how {
            How::Finished(StoppedBy::Answer) => {}
            How::Finished(StoppedBy::ApprovalPending) => self.waiting(ended),
            How::Finished(stopped_by) => {
                let why = reason(stopped_by, limits, ended.steps.last());
                self.line(paint::WARNING, "stopped:", &why);
            }
            How::OverCost => {
                let most = limits.max_cost.unwrap_or_default();
                let why = format!("the run cost more than {most}; allow it more with --max-cost");
                self.line(paint::WARNING, "stopped:", &why);
            }
            How::Stopped(cause) => {
                let word = match cause {
                    Cause::Interrupted => "interrupted:",
                    Cause::Terminated => "terminated:",
                    Cause::Quit => "quit:",
                };
                self.always(paint::WARNING, word, &summary);
                self.way_on(ended);
                return;
            }
            How::Failed(error) => {
                self.always(paint::ERROR, "error:", &printable(&error.to_string()));
                if let Some(hint) = hint(error.kind()) {
                    self.always(paint::WARNING, "hint:", hint);
                }
                if error.kind() != ErrorKind::Journal {
                    self.way_on(ended);
                }
            }
        }
        self.line(paint::FAINT, "done:", &summary);
    }

    fn call(&mut self, call: &ToolCall) {
        self.line(paint::CALL, "->", &one_line(call));
    }

    /// Which calls wait, and how the run goes on; whatever else is left out.
    fn waiting(&mut self, ended: &Ended) {
        for call in ended.waiting() {
            self.always(paint::WARNING, "waiting:", &one_line(call));
        }
        let Some(id) = ended.run_id.as_deref().map(short) else { return };
        let way_out = format!(
            "`siumai runs approve {id}` lets it run, `siumai runs deny {id}` does not; \
             `siumai runs show {id}` shows all of it"
        );
        self.always(paint::WARNING, "hint:", &way_out);
    }

    /// How a run that was cut short goes on.
    fn way_on(&mut self, ended: &Ended) {
        if let Some(id) = ended.run_id.as_deref().map(short) {
            self.line(
                paint::FAINT,
                "hint:",
                &format!("`siumai runs resume {id}` goes on from here"),
            );
        }
    }

    fn result(&mut self, result: &ToolResult) {
        let name = printable(&result.name).into_owned();
        let output = match &result.output {
            Value::String(text) => text.replace('\n', " "),
            other => other.to_string(),
        };
        let took = match self.durations.of(&result.call_id) {
            Some(took) => format!(" in {}", seconds(took)),
            None => String::new(),
        };
        let (style, word) = match result.status {
            ToolStatus::Executed => (paint::GOOD, ""),
            ToolStatus::Denied => (paint::WARNING, " denied"),
            ToolStatus::Skipped => (paint::WARNING, " not run"),
            ToolStatus::Cancelled | ToolStatus::Interrupted => (paint::WARNING, " cut short"),
            ToolStatus::Indeterminate => (paint::WARNING, " came to an unknown end"),
            ToolStatus::Pending => (paint::WARNING, " waits for approval"),
            _ => (paint::ERROR, " failed"),
        };
        self.line(style, "<-", &format!("{name}{word}{took}: {}", printable(&output)));
    }

    /// Shows what a tool says of its progress, but no more than can be read.
    fn report(&mut self, name: &str, value: &Value) {
        let now = clock::instant();
        let is_soon = self.reported.is_some_and(|last| now - last < BETWEEN_REPORTS);
        if is_soon && self.detail != Detail::Verbose {
            return;
        }
        self.reported = Some(now);
        let said = match value {
            Value::String(lines) => lines.trim_end().lines().next_back().unwrap_or_default().into(),
            // As servers of others report.
            other => match other["message"].as_str() {
                Some(message) => message.to_owned(),
                None => other.to_string(),
            },
        };
        self.line(paint::FAINT, "..", &format!("{}: {}", printable(name), printable(&said)));
    }

    fn reasoning(&mut self, thought: &str) {
        if self.detail != Detail::Verbose {
            return;
        }
        let (on, off) = (paint::FAINT.render(), paint::FAINT.render_reset());
        let thought = super::printable_lines(thought);
        write!(self.out, "{on}{thought}{off}").ok();
        self.is_reasoning = true;
    }

    fn end_reasoning(&mut self) {
        if std::mem::take(&mut self.is_reasoning) {
            writeln!(self.out).ok();
        }
    }

    fn line(&mut self, style: Style, head: &str, rest: &str) {
        if self.detail != Detail::Quiet {
            self.always(style, head, rest);
        }
    }

    fn always(&mut self, style: Style, head: &str, rest: &str) {
        self.end_reasoning();
        let room = match self.detail {
            // Errors are never shortened.
            Detail::Short(width) if style != paint::ERROR => width.saturating_sub(head.len() + 1),
            _ => usize::MAX,
        };
        let (on, off) = (style.render(), style.render_reset());
        let gap = if rest.is_empty() { "" } else { " " };
        // Whoever does not read the course of the run still gets its answer.
        writeln!(self.out, "{on}{head}{off}{gap}{}", truncate_str(rest, room, "…")).ok();
    }
}

/// `tool(name: value, name: value)`.
pub(crate) fn one_line(call: &ToolCall) -> String {
    format!("{}({})", printable(&call.name), arguments(&call.arguments))
}

/// `name: value, name: value`.
fn arguments(arguments: &Value) -> String {
    match arguments {
        Value::Object(arguments) => {
            let named = arguments.iter().map(|(name, value)| format!("{name}: {value}"));
            printable(&named.collect::<Vec<_>>().join(", ")).into_owned()
        }
        other => printable(&other.to_string()).into_owned(),
    }
}

fn reason(stopped_by: &StoppedBy, limits: &Limits, last: Option<&StepResult>) -> String {
    let reached = |limit, flag| format!("the limit of {limit} is reached; raise it with --{flag}");
    match stopped_by {
        StoppedBy::MaxSteps => reached(count(limits.max_steps, "step"), "max-steps"),
        StoppedBy::UsageLimit { limit: UsageLimit::ToolCalls, .. } => {
            let limit = limits.usage.tool_calls.unwrap_or_default();
            reached(count(limit, "tool call"), "max-tool-calls")
        }
        StoppedBy::UsageLimit { .. } => {
            let limit = limits.usage.total_tokens.unwrap_or_default();
            reached(format!("{limit} tokens"), "max-total-tokens")
        }
        StoppedBy::InvalidToolCalls => {
            "the model called tools wrongly too often in a row; another model may do better"
                .to_owned()
        }
        StoppedBy::Condition { .. } => {
            let called = last.into_iter().flat_map(|step| &step.tool_calls);
            let names: Vec<_> = called.map(|call| printable(&call.name)).collect();
            format!("{} was called (--stop-on-tool)", names.join(", "))
        }
        _ => "a tool was called that is not here".to_owned(),
    }
}

/// Which flag or variable of the program is the way out.
fn hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Authentication | ErrorKind::PermissionDenied => Some(
            "the key is taken from OPENAI_API_KEY, or what `siumai models` names; --model offline needs none",
        ),
        ErrorKind::NotFound => Some(
            "--model names the model and --base-url its server; `siumai models` lists what there is",
        ),
        ErrorKind::Connection | ErrorKind::MalformedReply => Some(
            "--base-url, or OPENAI_BASE_URL, says where the server is; --model offline needs none",
        ),
        _ => None,
    }
}

fn summary(ended: &Ended, took: Duration) -> String {
    let Ended { steps, usage, cost, .. } = ended;
    let cost = cost.map(|it| format!(", {it}")).unwrap_or_default();
    let calls = steps.iter().map(|step| step.tool_calls.len()).sum();
    let mut summary = count(steps.len(), "step");
    if calls > 0 {
        // Writing to a string can't fail.
        write!(summary, ", {}", count(calls, "tool call")).ok();
    }
    format!("{summary}, {}{}{cost}", seconds(took), tokens(usage))
}

fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// `, 230 tokens (200 in, 30 out)`; nothing, if nobody knows.
fn tokens(usage: &Usage) -> String {
    if usage.total_tokens.get().is_none_or(|it| it == 0) {
        return String::new();
    }
    let Usage { total_tokens, input_tokens, output_tokens, .. } = usage;
    let estimate = if usage.estimated { ", estimated" } else { "" };
    format!(", {total_tokens} tokens ({input_tokens} in, {output_tokens} out{estimate})")
}

fn seconds(took: Duration) -> String {
    match took.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}
