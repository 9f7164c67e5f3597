//! From the command line to the exit code.
use std::io::{self, IsTerminal, Read, Write};

use clap::{CommandFactory, Parser};
use dialoguer::{Input, console::Term, theme::SimpleTheme};
use siumai::{LlmError, types::ChatMessage};

use crate::{
    args::{Approve, Cli, Command, McpArgs, McpCommand, ModelArgs, RunArgs, ToolArgs, ToolsArgs},
    clock::Clock,
    environment::Environment,
    failure::{Exit, Failure},
    lists, mcp,
    model::Http,
    render::paint,
    running::Running,
    runs,
    saved::{self, Saved, Setup},
    stop::interruptible,
    tools::{BuiltIns, Offered, Root},
};

/// Runs the program; what goes wrong is said on standard error.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    let ended = perform(cli);
    ended.unwrap_or_else(|Failure { exit, message }| {
        let (on, off) = (paint::ERROR.render(), paint::ERROR.render_reset());
        // Without standard error, the exit code says it.
        writeln!(anstream::stderr(), "{on}error:{off} {message}").ok();
        exit
    })
}

/// Help and the version are written like answers; mistakes like errors.
fn wrong_usage(error: &clap::Error) -> Exit {
    // As for all that is written when nothing else is left to do.
    error.print().ok();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

fn perform(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        None => with_runtime(run(cli.run)),
        Some(Command::Run(args)) => with_runtime(run(*args)),
        Some(Command::Runs(command)) => with_runtime(runs::perform(command)),
        Some(Command::Tools(args)) => with_runtime(list_tools(args)),
        Some(Command::Mcp(McpCommand::Serve(args))) => with_runtime(mcp::serve(*args)),
        Some(Command::Models(args)) => with_runtime(models(args.model)),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "siumai", &mut script);
            written(io::stdout().write_all(&script))
        }
    }
}

/// Does `work` on this thread; what blocks elsewhere is not waited for at the end.
fn with_runtime(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("the program can't start: {error}")))?;
    let ended = runtime.block_on(work);
    runtime.shutdown_background();
    ended
}

/// A list that nobody reads to its end is no failure.
pub(crate) fn written(list: io::Result<()>) -> Result<Exit, Failure> {
    match list {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(format!("the list can't be written: {error}"))),
    }
}

async fn list_tools(args: ToolsArgs) -> Result<Exit, Failure> {
    let args_of_all = ToolArgs { tools: Vec::new(), root: ".".into(), mcp: args.mcp };
    let (tools, failed) = tools(&args_of_all).await?;
    let listed = lists::tools(&mut anstream::stdout(), tools.definitions(), args.output);
    tools.close().await;
    let exit = written(listed)?;
    if failed.is_empty() {
        return Ok(exit);
    }
    Err(Failure::failed(texts(&failed).join("\n")))
}

async fn models(args: ModelArgs) -> Result<Exit, Failure> {
    let environment = Environment::read()?;
    let found = lists::Found::look(&args, &environment, &Http).await;
    written(lists::models(&mut anstream::stdout(), &found))
}

async fn run(args: RunArgs) -> Result<Exit, Failure> {
    let environment = Environment::read()?;
    // What is replayed costs nothing, and the recording is there to be replayed again.
    let is_kept = !args.no_save && args.recording.replay.is_none();
    if is_kept {
        mcp::check_can_be_kept(&args.tools.mcp)?;
    }
    let (tools, failed) = tools(&args.tools).await?;
    for name in &args.limits.stop_on_tool {
        tools.check(name).map_err(|error| Failure::usage(format!("--stop-on-tool: {error}")))?;
    }
    if !is_kept && args.approve == Approve::Pause {
        return Err(Failure::usage(
            "a run is not kept with --no-save or --replay, so it can't wait; choose another --approve",
        ));
    }
    let saved = is_kept.then(|| Saved::open(&environment)).transpose()?;
    let (prompt, messages) = messages(&args)?;
    let setup = Setup {
        prompt: beginning(&prompt),
        model: args.model.model,
        base_url: args.model.base_url,
        tools: tools.definitions().map(|it| it.name().to_owned()).collect(),
        mcp: from_anywhere(args.tools.mcp)?,
        root: tools.root().to_owned(),
        limits: args.limits,
        approve: args.approve,
    };
    let kept = saved.map(|saved| (saved, saved::new_id()));
    let decisions = Vec::new();
    let (recording, show) = (args.recording, args.show);
    let warnings = texts(&failed);
    let running =
        Running { environment, setup, tools, warnings, show, recording, messages, kept, decisions };
    running.go().await
}

/// With a file that is found from other folders, too.
fn from_anywhere(mut args: McpArgs) -> Result<McpArgs, Failure> {
    let absolute = args.mcp_config.map(std::path::absolute).transpose();
    args.mcp_config =
        absolute.map_err(|error| Failure::usage(format!("the file of --mcp-config: {error}")))?;
    Ok(args)
}

/// As much of a prompt as tells runs apart.
fn beginning(prompt: &str) -> String {
    prompt.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect()
}

fn texts(errors: &[LlmError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// The tools on offer, and what is wrong with the servers of some.
///
/// # Errors
///
/// If one that is named is not there, or what is said of a server makes no sense.
pub(crate) async fn tools(args: &ToolArgs) -> Result<(Offered, Vec<LlmError>), Failure> {
    let root = Root::open(&args.root).map_err(|error| {
        let root = args.root.display();
        Failure::usage(format!("the folder {root} can't be opened: {error}; give another --root"))
    })?;
    let own = BuiltIns::new(&root, &Clock::system());
    let servers = mcp::servers(&args.mcp, root.path())?;
    let (all, failed) = interruptible(Offered::with_servers(own, servers)).await?;
    if args.tools.is_empty() {
        return Ok((all, failed));
    }
    let chosen = all.only(&args.tools).map_err(|error| {
        // The tool may be one of a server that can't be reached.
        let said = std::iter::once(error.to_string()).chain(texts(&failed));
        Failure::usage(said.collect::<Vec<_>>().join("\n"))
    })?;
    Ok((chosen, failed))
}

/// The prompt, and what the run begins with.
fn messages(args: &RunArgs) -> Result<(String, Vec<ChatMessage>), Failure> {
    let system = args.system.iter().map(ChatMessage::system);
    let prompt =
        if args.prompt.is_empty() { ask_for_prompt()? } else { prompt(&args.prompt, io::stdin())? };
    if prompt.trim().is_empty() {
        return Err(Failure::usage(
            "the prompt is empty; say what is to be done, as in `siumai run \"what is 6*7\"`",
        ));
    }
    let messages = system.chain([ChatMessage::user(prompt.as_str())]).collect();
    Ok((prompt, messages))
}

/// The words in a line; a `-` before or behind them stands for what is piped in.
fn prompt(words: &[String], piped: impl Read) -> Result<String, Failure> {
    match words {
        [dash] if dash == "-" => read_piped(piped),
        [said @ .., dash] if dash == "-" => {
            Ok(format!("{}\n\n{}", said.join(" "), read_piped(piped)?))
        }
        [dash, said @ ..] if dash == "-" => {
            Ok(format!("{}\n\n{}", read_piped(piped)?, said.join(" ")))
        }
        // Elsewhere it is what it looks like: 5 - 3.
        said => Ok(said.join(" ")),
    }
}

fn read_piped(mut piped: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    piped.read_to_end(&mut bytes).map_err(|error| {
        Failure::failed(format!(
            "standard input can't be read: {error}; give the prompt as an argument"
        ))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("standard input is not UTF-8; only text can be a prompt"))?;
    Ok(text.trim_end().to_owned())
}

fn ask_for_prompt() -> Result<String, Failure> {
    if !io::stdin().is_terminal() || !Term::stderr().is_term() {
        return Err(Failure::usage(
            "no prompt; give it as an argument, as in `siumai run \"what is 6*7\"`, or write \
             `siumai run -` to read it from standard input",
        ));
    }
    let question = Input::<String>::with_theme(&SimpleTheme).with_prompt("what is to be done");
    question.interact_text().map_err(|dialoguer::Error::IO(error)| match error.kind() {
        io::ErrorKind::Interrupted => {
            Failure { exit: Exit::Interrupted, message: "interrupted".to_owned() }
        }
        _ => Failure::failed(format!("the terminal can't be read: {error}")),
    })
}

#[cfg(test)]
mod tests;
