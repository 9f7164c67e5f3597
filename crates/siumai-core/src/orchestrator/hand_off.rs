//! Agents that hand a conversation on to one another: one run, in which each step is that of the
//! agent who has it.
use std::{fmt, sync::Arc};

use serde_json::{Value, json};

use super::{
    OrchestratorOptions, PrepareStepContext, PrepareStepResult, ToolLoopAgent, UsageLimits,
    agent_tool::AnyAgent,
};
use crate::{
    LlmError,
    model::LanguageModel,
    tool::{ToolSet, UserContext},
    types::{ChatMessage, Tool, ToolResult, ToolStatus},
};

/// Agents that hand a conversation on to one another, with all that was said.
///
/// What [`build`](Self::build) makes of them is an agent as any other. Each step of its run has the
/// model, the system message and the tools of the member whose turn it is, and the tool `hand_off`,
/// by which that one passes the conversation on. The first member begins, or whoever had the
/// conversation that the run goes on with. All else is the team's: the history, the options,
/// approval, the journal.
///
/// ```
/// use serde_json::json;
/// use siumai_core::{
///     orchestrator::{Team, ToolLoopAgent},
///     testing::ScriptedModel,
///     tool::ToolSet,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), siumai_core::LlmError> {
/// let front = ScriptedModel::new().calls("hand_off", json!({ "to": "billing" }));
/// let front = ToolLoopAgent::with_tools(front, ToolSet::new()).with_system("Find out who can help.");
///
/// let refund = ToolSet::new().function("refund", "Pays back", |(): ()| async { "paid back" });
/// let billing = ScriptedModel::new().calls("refund", json!({})).reply("You have it back.");
/// let billing = ToolLoopAgent::with_tools(billing, refund).with_system("You see to money.");
///
/// let team = Team::new()
///     .with("front_desk", "Knows who can help", &front)
///     .with("billing", "Sees to invoices and refunds", &billing)
///     .build()?;
/// let (response, steps) = team.generate(vec![user!("I want my money back.")]).await?;
/// assert_eq!(response.content_text(), Some("You have it back."));
/// assert_eq!(steps.len(), 3);
/// # Ok(())
/// # }
/// ```
///
/// Who has a conversation is read from its history, by the last hand-off that was executed. A
/// history that comes from outside can therefore choose the member, and with it the tools on offer:
/// mark those that must not run unasked with [`needs_approval`](Tool::needs_approval).
#[derive(Clone, Default)]
pub struct Team(Vec<Member>);

#[derive(Clone)]
struct Member {
    name: String,
    description: String,
    agent: AnyAgent,
}

/// The tool by which a member passes the conversation on.
const HAND_OFF: &str = "hand_off";

impl Team {
    /// A team without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `agent` as the member `name`; the others read in `description` what it is for.
    ///
    /// Of its options the team keeps `prepare_step`, `choose_model` and the values for tools.
    #[must_use]
    pub fn with<M: LanguageModel + 'static>(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        agent: &ToolLoopAgent<M, ToolSet>,
    ) -> Self {
        let (name, description, agent) = (name.into(), description.into(), agent.erased());
        self.0.push(Member { name, description, agent });
        self
    }

    /// The team as one agent.
    ///
    /// # Errors
    ///
    /// If it has no members, or two of a name; if a name is used for two different tools, or a
    /// member's model can't be offered its tools; or if a member has an approver, limits or stop conditions of its own, which would be lost: give them
    /// to the agent that this makes.
    pub fn build(self) -> Result<ToolLoopAgent<Arc<dyn LanguageModel>, ToolSet>, LlmError> {
        let Some(first) = self.0.first() else {
            return Err(LlmError::invalid_input("the team has no members; add at least one"));
        };
        for (place, member) in self.0.iter().enumerate() {
            member.check(&self.0[..place])?;
            member.agent.tools().check_for(member.agent.model())?;
        }
        let model = Arc::clone(first.agent.model());
        let shared = self.0.iter().fold(ToolSet::new(), |all, it| all.join(it.agent.tools()));
        let tools = shared.tool(self.hand_off(), |arguments, _| async move {
            // It fits the schema, so it names a member.
            Ok(json!({ "handed_off_to": arguments["to"] }))
        });
        let team = Arc::new(self);
        let rule = move |options| Self::rule(&team, options);
        Ok(ToolLoopAgent::with_tools(model, tools.build()?).with_rule(Arc::new(rule)))
    }

    fn hand_off(&self) -> Tool {
        let names: Vec<_> = self.0.iter().map(|it| it.name.as_str()).collect();
        let listed = self.0.iter().map(|it| format!("\n- {}: {}", it.name, it.description));
        let told = format!(
            "Hands the whole conversation on to somebody else, who goes on with it in your place:{}",
            listed.collect::<String>()
        );
        let to = json!({ "type": "string", "enum": names, "description": "Who goes on" });
        let schema = json!({ "type": "object", "properties": { "to": to }, "required": ["to"] });
        Tool::function_with_schema(HAND_OFF, told, schema).idempotent()
    }

    /// The options of a run of the team.
    fn rule(team: &Arc<Self>, options: OrchestratorOptions) -> OrchestratorOptions {
        let (preparing, choosing) = (Arc::clone(team), Arc::clone(team));
        let (prepare, choose) = (options.prepare_step.clone(), options.choose_model.clone());
        let values = team.0.iter().map(|it| &it.agent.options().context);
        OrchestratorOptions {
            context: values.fold(options.context.clone(), UserContext::or),
            prepare_step: Some(Arc::new(move |context| {
                let member = preparing.whose(context);
                let own = member.agent.options().prepare_step.as_ref().or(prepare.as_ref());
                member.prepared(own.map(|it| it(context)).unwrap_or_default())
            })),
            choose_model: Some(Arc::new(move |context| {
                let member = choosing.whose(context);
                let own = member.agent.options().choose_model.as_ref().or(choose.as_ref());
                let chosen = own.and_then(|it| it(context));
                Some(chosen.unwrap_or_else(|| Arc::clone(member.agent.model())))
            })),
            ..options
        }
    }

    /// The member whose turn it is.
    fn whose(&self, context: PrepareStepContext<'_>) -> &Member {
        let in_run = context.steps.iter().rev().flat_map(|it| it.tool_results.iter().rev());
        let before = context.messages.iter().rev().flat_map(ChatMessage::tool_results);
        let results = in_run.map(AsRef::as_ref).chain(before.map(AsRef::as_ref));
        let member = results.filter_map(handed_to).find_map(|name| {
            // One that has left the team since is passed over.
            self.0.iter().find(|it| it.name == name)
        });
        member.unwrap_or(&self.0[0])
    }
}

/// Whom `result` handed the conversation to, if it is of a hand-off that was executed.
fn handed_to(result: &ToolResult) -> Option<&str> {
    let is_executed = result.executed_name() == HAND_OFF && result.status == ToolStatus::Executed;
    result.output.get("handed_off_to").filter(|_| is_executed).and_then(Value::as_str)
}

impl Member {
    fn check(&self, others: &[Self]) -> Result<(), LlmError> {
        let name = &self.name;
        if others.iter().any(|it| it.name == *name) {
            return Err(LlmError::invalid_input(format!(
                "the team has two members named `{name}`; rename one"
            )));
        }
        let options = self.agent.options();
        let lost = [
            ("an approver", options.has_approver()),
            ("limits", options.limits != UsageLimits::default()),
            ("stop conditions", self.agent.stop_conditions().next().is_some()),
        ];
        match lost.into_iter().find(|(_, is_lost)| *is_lost) {
            Some((what, _)) => Err(LlmError::invalid_input(format!(
                "the member `{name}` has {what} of its own, which a team does not keep apart; \
                 give them to the agent that `build` makes"
            ))),
            None => Ok(()),
        }
    }

    /// How a step of this member differs from the run.
    fn prepared(&self, mut prepared: PrepareStepResult) -> PrepareStepResult {
        let own = self.agent.tools().definitions().iter().map(Tool::name);
        let own: Vec<_> = own.chain([HAND_OFF]).map(str::to_owned).collect();
        prepared.active_tools = Some(match prepared.active_tools {
            Some(active) => active.into_iter().filter(|it| own.contains(it)).collect(),
            None => own,
        });
        let system = self.agent.system().and_then(|it| it.text()).map(str::to_owned);
        prepared.system = prepared.system.or(system);
        prepared
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|it| &it.name);
        f.debug_tuple("Team").field(&names.collect::<Vec<_>>()).finish()
    }
}
