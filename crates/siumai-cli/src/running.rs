//! A run on its way, from its model to its exit code, whether it begins or goes on.
use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use dialoguer::console::Term;
use siumai::{
    journal::Journal,
    orchestrator::ApprovalDecision,
    types::{ChatMessage, Tool},
};

use crate::{
    approve::{Approver, Ask, Terminal},
    args::{Output, RecordingArgs, ShowArgs},
    environment::Environment,
    failure::{Exit, Failure},
    model::{self, Http},
    prices::{self, Cost},
    recording::Source,
    render::{Answer, Detail, Json, JsonLines, Progress, Text},
    run::{self, Durations, How, Task, Whole},
    saved::{Saved, Setup},
    stop::{self, Stopped, Stopper},
    telemetry::Telemetry,
    tools::Offered,
};

/// A run with all that it needs.
pub(crate) struct Running {
    pub(crate) environment: Environment,
    pub(crate) setup: Setup,
    pub(crate) tools: Offered,
    /// What was not as it should be before it began.
    pub(crate) warnings: Vec<String>,
    pub(crate) show: ShowArgs,
    pub(crate) recording: RecordingArgs,
    /// None, if it goes on where it was.
    pub(crate) messages: Vec<ChatMessage>,
    /// Where it is kept, and by which id.
    pub(crate) kept: Option<(Saved, String)>,
    pub(crate) decisions: Vec<ApprovalDecision>,
}

impl Running {
    /// Runs to the end, or until somebody ends it.
    ///
    /// # Errors
    ///
    /// If it can't begin.
    pub(crate) async fn go(mut self) -> Result<Exit, Failure> {
        let telemetry = Telemetry::begin(self.environment.otlp.take(), self.show.quiet);
        let ended = self.go_until_stopped().await;
        telemetry.end();
        ended
    }

    async fn go_until_stopped(self) -> Result<Exit, Failure> {
        let (stopper, listener) = stop::stopper();
        let signals = stop::signals()
            .map_err(|error| Failure::failed(format!("Ctrl-C can't be listened to: {error}")))?;
        let mut running = std::pin::pin!(self.run(stopper.clone(), listener));
        let mut signals = std::pin::pin!(signals);
        tokio::select! {
            biased;
            ended = &mut running => return ended,
            cause = &mut signals => stopper.stop(cause),
        }
        running.await
    }

    async fn run(mut self, stopper: Stopper, mut listener: Stopped) -> Result<Exit, Failure> {
        let prices = self.setup.limits.prices.as_deref().map(prices::read).transpose()?;
        let durations = Durations::default();
        let mut progress = Progress::new(anstream::stderr(), self.detail(), durations.clone());
        for warning in &self.warnings {
            progress.warning(warning);
        }
        let choosing = self.choose(&mut progress);
        let source = tokio::select! {
            biased;
            cause = listener.wait() => return Ok(cause.exit()),
            source = choosing => source?,
        };

        let kept = self.journal();
        let run_id = kept.as_ref().map(|(_, id)| id.clone());
        let limits = self.setup.limits.limits();
        let model = source.model();
        if let Some(prices) = &prices
            && let Some(lacking) = prices::check(prices, &model, limits.max_cost)?
        {
            progress.warning(&lacking);
        }
        let tools = self.tools.clone();
        let definitions: Vec<Tool> = tools.definitions().cloned().collect();
        let person = Terminal::find(self.environment.editor.as_deref());
        let person = person.map(|it| Box::new(it) as Box<dyn Ask>);
        let task = Task {
            messages: self.messages,
            kept,
            decisions: self.decisions,
            tools: self.tools,
            durations,
            telemetry: siumai::telemetry::Telemetry {
                content: self.environment.tells_content,
                ..Default::default()
            },
            stop_on_tool: self.setup.limits.stop_on_tool,
            limits,
            prices: prices.clone(),
            approver: Approver::new(self.setup.approve, definitions, person, stopper),
        };
        let mut answer = answer(self.show.output);
        let (answer, shown, listener) = (&mut *answer, &mut progress, &mut listener);
        let ended = if self.show.no_stream {
            run::run(Whole(model), task, answer, shown, listener).await
        } else {
            run::run(model, task, answer, shown, listener).await
        };
        tools.close().await;
        // Whoever read the answer has gone: they have what they wanted.
        let Some(mut ended) = ended else { return source.finish(Exit::Done) };
        ended.run_id = run_id;
        ended.cost = prices.map(|it| Cost::of(&ended, &it));
        if answer.end(&ended).is_err() {
            return source.finish(Exit::Done);
        }
        if let (How::Finished(_), Some(left)) = (&ended.how, source.left()) {
            progress.warning(&left);
        }
        progress.end(&ended, &limits);
        source.finish(ended.exit())
    }

    /// Chooses who answers, and says so; what was chosen is part of the setup from there.
    async fn choose<W: Write>(&mut self, progress: &mut Progress<W>) -> Result<Source, Failure> {
        let keys = &self.environment.keys;
        let Some(path) = &self.recording.replay else {
            let chosen = model::choose(&self.setup.model(), &self.environment, &Http).await?;
            let client = chosen.choice.client()?;
            let source = Source::asked(client, &self.recording, keys)?;
            progress.model(&chosen.choice.to_string(), chosen.why.as_deref());
            (self.setup.model, self.setup.base_url) = chosen.choice.named();
            return Ok(source);
        };
        let source = Source::replayed(path, keys)?;
        let model = source.model();
        let name = format!("{}:{}", model.provider(), model.model());
        progress.model(&name, Some(&format!("replayed from {}", path.display())));
        if let Some(lost) = source.lost() {
            progress.warning(&lost);
        }
        Ok(source)
    }

    /// Where the run is kept, and by which id.
    fn journal(&self) -> Option<(Arc<dyn Journal>, String)> {
        let (saved, id) = self.kept.as_ref()?;
        Some((saved.journal(&self.setup), id.clone()))
    }

    fn detail(&self) -> Detail {
        let terminal = Term::stderr();
        match (self.show.quiet, self.show.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ if terminal.is_term() => Detail::Short(usize::from(terminal.size().1)),
            _ => Detail::Whole,
        }
    }
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
