//! `run_command`: a shell command in the root.
//!
//! It is a group of processes of its own: whatever it started ends with the
//! call, be that its own end, the timeout or a cancelled run.
mod group;
mod output;

use std::{pin::pin, process::Stdio, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, tool::ToolContext, types::Tool};
use tokio::{process::Command, time::timeout};

use self::{group::Group, output::Output};
use super::{BuiltIn, Root, read_arguments, told};

/// How long a command may take if nothing is said, and at most.
const DEFAULT_SECONDS: u64 = 60;
const MAX_SECONDS: u64 = 3_600;
/// How long to wait for output once the command has ended and all it started is killed.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs a shell command.
#[derive(Debug)]
pub(super) struct RunCommand(pub(super) Root);

#[derive(Deserialize)]
struct Arguments {
    command: String,
    timeout_seconds: Option<u64>,
}

#[async_trait]
impl BuiltIn for RunCommand {
    fn definition(&self) -> Tool {
        let timeout =
            format!("The command is stopped after so many seconds; {DEFAULT_SECONDS} if left out");
        Tool::function_with_schema(
            "run_command",
            "Run a shell command in the root folder and get its output and exit status",
            json!({
                "type": "object",
                "properties": {
                    "command": {
                        "type": "string",
                        "description": "The command line, as for `sh -c`; it gets no input",
                    },
                    "timeout_seconds": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": MAX_SECONDS,
                        "description": timeout,
                    },
                },
                "required": ["command"],
                "additionalProperties": false,
            }),
        )
        .destructive()
        .exclusive()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        self.call_with(arguments, &ToolContext::new("", 0)).await
    }

    async fn call_with(&self, arguments: Value, context: &ToolContext) -> Result<Value, LlmError> {
        let Arguments { command, timeout_seconds } = read_arguments(arguments)?;
        let seconds = timeout_seconds.unwrap_or(DEFAULT_SECONDS).clamp(1, MAX_SECONDS);
        run(&self.0, &command, Duration::from_secs(seconds), context).await
    }
}

/// Runs a command, and reports what it writes while it does.
async fn run(
    root: &Root,
    line: &str,
    limit: Duration,
    context: &ToolContext,
) -> Result<Value, LlmError> {
    let mut command = Command::new("sh");
    // Without `--` a line that begins with `-` would be taken for an option.
    command.args(["-c", "--", line]).current_dir(root.path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A command has no use for the key of a model.
    for name in siumai::provider_names().filter_map(siumai::key_variable) {
        command.env_remove(name);
    }
    let cannot_run = |error: std::io::Error| {
        told(format!("The shell `sh` can't be started: {error}. Do it without running a command."))
    };
    let (mut child, group) = Group::spawn(&mut command).map_err(cannot_run)?;
    let (mut stdout, mut stderr) =
        (Output::of(child.stdout.take()), Output::of(child.stderr.take()));
    let report = |lines: &str| context.progress(lines);

    let ended = {
        let mut reading = pin!(async { tokio::join!(stdout.read(report), stderr.read(report)) });
        let mut waiting = pin!(timeout(limit, child.wait()));
        let (ended, is_read) = tokio::select! {
            ended = &mut waiting => (ended, false),
            _ = &mut reading => (waiting.await, true),
        };
        // What it left running would keep the output open, and outlive the call.
        group.kill();
        if !is_read {
            // Late output is lost only if something left the group and holds on to it.
            timeout(DRAIN, reading).await.ok();
        }
        ended
    };
    let mut answer = json!({});
    if let Ok(status) = ended {
        tell_status(&mut answer, status.map_err(cannot_run)?);
    } else {
        answer["timed_out"] = true.into();
        answer["note"] = format!(
            "The command was stopped after {} seconds. Call the tool again with a larger \
             timeout_seconds if it needs more.",
            limit.as_secs()
        )
        .into();
    }
    answer["stdout"] = stdout.text().into();
    answer["stderr"] = stderr.text().into();
    Ok(answer)
}

fn tell_status(answer: &mut Value, status: std::process::ExitStatus) {
    if let Some(code) = status.code() {
        answer["exit_code"] = code.into();
        return;
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        answer["killed_by_signal"] = signal.into();
    }
}

#[cfg(test)]
mod tests;
