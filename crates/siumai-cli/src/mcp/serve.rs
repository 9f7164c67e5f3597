//! `siumai mcp serve`: the agent as a tool of the program that starts this one.
use std::{io::Write as _, sync::Arc};

use siumai::{
    mcp::AgentServer,
    orchestrator::{OrchestratorOptions, ToolLoopAgent, cost_over, has_tool_call},
};

use crate::{
    approve::Approver,
    args::{Approve, ServeArgs},
    environment::Environment,
    failure::{Exit, Failure},
    model::{self, Http},
    prices, program,
    run::Limits,
    stop::{self, interruptible},
    telemetry::Telemetry,
};

/// Serves whoever is at the other end of standard input and output, until they go away.
///
/// # Errors
///
/// If it can't begin, or the client does not speak MCP.
pub(crate) async fn serve(args: ServeArgs) -> Result<Exit, Failure> {
    if matches!(args.approve, Approve::Ask | Approve::Pause) {
        return Err(Failure::usage(
            "nobody can be asked while standard input is the client's; choose --approve read-only, all \
             or none",
        ));
    }
    let mut environment = Environment::read()?;
    let (tools, failed) = program::tools(&args.tools).await?;
    for name in &args.limits.stop_on_tool {
        tools.check(name).map_err(|error| Failure::usage(format!("--stop-on-tool: {error}")))?;
    }
    let chosen = model::choose(&args.model, &environment, &Http).await?;
    let client = chosen.choice.client()?;
    let Limits { max_steps, usage, max_cost, at_limit } = args.limits.limits();
    let prices = args.limits.prices.as_deref().map(prices::read).transpose()?;
    let lacking = prices.as_ref().map(|it| prices::check(it, &client, max_cost)).transpose()?;
    // The client keeps what is said here for whoever looks for a mistake; nobody else reads it.
    for warning in failed.iter().map(ToString::to_string).chain(lacking.flatten()) {
        writeln!(anstream::stderr(), "warning: {warning}").ok();
    }
    writeln!(anstream::stderr(), "model: {}", chosen.choice).ok();

    let (stopper, _) = stop::stopper();
    let approver = Approver::new(args.approve, tools.definitions().cloned(), None, stopper);
    let options = OrchestratorOptions {
        max_steps,
        limits: usage,
        at_limit,
        telemetry: siumai::telemetry::Telemetry {
            content: environment.tells_content,
            ..Default::default()
        },
        on_tool_approval: Some(Arc::new(move |name, arguments| approver.decide(name, arguments))),
        ..Default::default()
    };
    let mut agent = ToolLoopAgent::with_tools(client, tools.to_set())
        .with_id(args.name.as_str())
        .with_options(options);
    if let Some(system) = args.system {
        agent = agent.with_system(system);
    }
    if let Some((most, prices)) = max_cost.zip(prices) {
        agent = agent.stop_when(cost_over(most, &prices));
    }
    for name in args.limits.stop_on_tool {
        agent = agent.stop_when(has_tool_call(name));
    }
    let server = AgentServer::new(&args.name, args.description, agent);
    let streams = tokio::io::join(tokio::io::stdin(), tokio::io::stdout());
    let telemetry = Telemetry::begin(environment.otlp.take(), false);
    let outcome = interruptible(server.serve(streams)).await;
    telemetry.end();
    let outcome = outcome?;
    tools.close().await;
    outcome.map(|()| Exit::Done).map_err(|error| Failure::failed(error.to_string()))
}
