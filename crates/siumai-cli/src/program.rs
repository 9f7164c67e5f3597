//! From the command line to the exit code.
use std::io::{self, IsTerminal, Read, Write};

use clap::{CommandFactory, Parser};
use dialoguer::{Input, console::Term, theme::SimpleTheme};
use siumai::types::{ChatMessage, Tool};

use crate::{
    approve::{Approver, Ask, Terminal},
    args::{Cli, Command, ModelArgs, Output, RunArgs, ToolArgs},
    clock::Clock,
    environment::Environment,
    failure::{Exit, Failure},
    lists,
    model::{self, Http},
    recording::Source,
    render::{Answer, Detail, Json, JsonLines, Progress, Text, paint},
    run::{self, Durations, How, Task, Whole},
    stop::{self, Stopped, Stopper},
    tools::{BuiltIns, Root},
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
        Some(Command::Tools(args)) => {
            let tools = tools(&ToolArgs { tools: Vec::new(), root: ".".into() })?;
            written(lists::tools(&mut anstream::stdout(), tools.definitions(), args.output))
        }
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
fn written(list: io::Result<()>) -> Result<Exit, Failure> {
    match list {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(format!("the list can't be written: {error}"))),
    }
}

async fn models(args: ModelArgs) -> Result<Exit, Failure> {
    let environment = Environment::read()?;
    let found = lists::Found::look(&args, &environment, &Http).await;
    written(lists::models(&mut anstream::stdout(), &found))
}

async fn run(args: RunArgs) -> Result<Exit, Failure> {
    let environment = Environment::read()?;
    let tools = tools(&args.tools)?;
    for name in &args.limits.stop_on_tool {
        tools.check(name).map_err(|error| Failure::usage(format!("--stop-on-tool: {error}")))?;
    }
    let messages = messages(&args)?;
    let (stopper, listener) = stop::stopper();
    let signals = stop::signals()
        .map_err(|error| Failure::failed(format!("Ctrl-C can't be listened to: {error}")))?;
    let running =
        Running { args, environment, tools, messages, stopper: stopper.clone(), listener };
    let mut running = std::pin::pin!(running.go());
    let mut signals = std::pin::pin!(signals);
    tokio::select! {
        biased;
        ended = &mut running => return ended,
        cause = &mut signals => stopper.stop(cause),
    }
    running.await
}

fn tools(args: &ToolArgs) -> Result<BuiltIns, Failure> {
    let root = Root::open(&args.root).map_err(|error| {
        let root = args.root.display();
        Failure::usage(format!("the folder {root} can't be opened: {error}; give another --root"))
    })?;
    let all = BuiltIns::new(&root, &Clock::system());
    if args.tools.is_empty() {
        return Ok(all);
    }
    all.only(&args.tools).map_err(|error| Failure::usage(error.to_string()))
}

/// What the run begins with.
fn messages(args: &RunArgs) -> Result<Vec<ChatMessage>, Failure> {
    let system = args.system.iter().map(ChatMessage::system);
    let prompt =
        if args.prompt.is_empty() { ask_for_prompt()? } else { prompt(&args.prompt, io::stdin())? };
    if prompt.trim().is_empty() {
        return Err(Failure::usage(
            "the prompt is empty; say what is to be done, as in `siumai run \"what is 6*7\"`",
        ));
    }
    Ok(system.chain([ChatMessage::user(prompt)]).collect())
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

/// A run with all that it needs.
struct Running {
    args: RunArgs,
    environment: Environment,
    tools: BuiltIns,
    messages: Vec<ChatMessage>,
    stopper: Stopper,
    listener: Stopped,
}

impl Running {
    async fn go(mut self) -> Result<Exit, Failure> {
        let durations = Durations::default();
        let mut progress = Progress::new(anstream::stderr(), self.detail(), durations.clone());
        let choosing = choose(&self.args, &self.environment, &mut progress);
        let source = tokio::select! {
            biased;
            cause = self.listener.wait() => return Ok(cause.exit()),
            source = choosing => source?,
        };

        let limits = self.args.limits.limits();
        let definitions: Vec<Tool> = self.tools.definitions().cloned().collect();
        let person = Terminal::find(self.environment.editor.as_deref());
        let person = person.map(|it| Box::new(it) as Box<dyn Ask>);
        let task = Task {
            messages: self.messages,
            tools: self.tools,
            durations,
            stop_on_tool: self.args.limits.stop_on_tool,
            limits,
            approver: Approver::new(self.args.approve, definitions, person, self.stopper),
        };
        let (mut answer, model) = (answer(self.args.output), source.model());
        let (answer, shown, listener) = (&mut *answer, &mut progress, &mut self.listener);
        let ended = if self.args.no_stream {
            run::run(Whole(model), task, answer, shown, listener).await
        } else {
            run::run(model, task, answer, shown, listener).await
        };
        // Whoever read the answer has gone: they have what they wanted.
        let Some(ended) = ended else { return source.finish(Exit::Done) };
        if answer.end(&ended).is_err() {
            return source.finish(Exit::Done);
        }
        if let (How::Finished(_), Some(left)) = (&ended.how, source.left()) {
            progress.warning(&left);
        }
        progress.end(&ended, &limits);
        source.finish(ended.exit())
    }

    fn detail(&self) -> Detail {
        let terminal = Term::stderr();
        match (self.args.quiet, self.args.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ if terminal.is_term() => Detail::Short(usize::from(terminal.size().1)),
            _ => Detail::Whole,
        }
    }
}

/// Chooses who answers, and says so.
async fn choose<W: Write>(
    args: &RunArgs,
    environment: &Environment,
    progress: &mut Progress<W>,
) -> Result<Source, Failure> {
    let Some(path) = &args.recording.replay else {
        let chosen = model::choose(&args.model, environment, &Http).await?;
        let client = chosen.choice.client()?;
        let source = Source::asked(client, &args.recording, &environment.keys)?;
        progress.model(&chosen.choice.to_string(), chosen.why.as_deref());
        return Ok(source);
    };
    let source = Source::replayed(path, &environment.keys)?;
    let model = source.model();
    let name = format!("{}:{}", model.provider(), model.model());
    progress.model(&name, Some(&format!("replayed from {}", path.display())));
    if let Some(lost) = source.lost() {
        progress.warning(&lost);
    }
    Ok(source)
}

fn answer(output: Output) -> Box<dyn Answer> {
    let out = io::stdout();
    match output {
        Output::Text => {
            let is_terminal = out.is_terminal();
            Box::new(Text::new(out, is_terminal))
        }
        Output::Json => Box::new(Json(out)),
        Output::Jsonl => Box::new(JsonLines(out)),
    }
}

#[cfg(test)]
mod tests;
