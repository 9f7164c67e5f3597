//! Agents whose answers are values of a type.
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::ToolLoopAgent;
use crate::{
    model::LanguageModel,
    orchestrator::{
        AnswerStream, RunError, Structured,
        answer::{asking_for, generate_as},
    },
    tool::{ToolResolver, ToolSet},
    types::{ChatMessage, Tool},
};

impl<M: LanguageModel> ToolLoopAgent<M> {
    /// Runs to the end; returns the answer as a value of `T`, and all else that came of the run, as
    /// [`generate_as`](crate::orchestrator::generate_as) does.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate), and of kind
    /// [`InvalidAnswer`](crate::ErrorKind::InvalidAnswer), if there is no answer that fits.
    ///
    /// # Cancel safety
    ///
    /// As [`generate`](Self::generate).
    pub async fn generate_as<T: DeserializeOwned + JsonSchema>(
        &self,
        messages: Vec<ChatMessage>,
        resolver: &dyn ToolResolver,
    ) -> Result<Structured<T>, RunError> {
        self.run_as_with(messages, Some(self.tools.clone()), resolver).await
    }
}

impl<M: LanguageModel + 'static> ToolLoopAgent<M> {
    /// Runs as a stream, which may outlive the agent and ends with the answer as a value of `T`.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn stream_as<T: DeserializeOwned + JsonSchema>(
        &self,
        messages: Vec<ChatMessage>,
        resolver: impl ToolResolver + 'static,
    ) -> Result<AnswerStream<'static, T>, RunError> {
        self.stream_as_with(messages, Some(self.tools.clone()), resolver).await
    }
}

impl<M: LanguageModel> ToolLoopAgent<M, ToolSet> {
    /// Runs to the end; returns the answer as a value of `T`, and all else that came of the run, as
    /// [`generate_as`](crate::orchestrator::generate_as) does.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use serde_json::json;
    /// use siumai_core::{orchestrator::ToolLoopAgent, testing::ScriptedModel, tool::ToolSet, user};
    ///
    /// #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    /// struct Toss {
    ///     side: String,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), siumai_core::LlmError> {
    /// let model = ScriptedModel::new()
    ///     .calls("toss", json!({}))
    ///     .calls("final_answer", json!({ "side": "heads" }));
    /// let tools = ToolSet::new().function("toss", "Tosses a coin", |(): ()| async { "heads" });
    /// let agent = ToolLoopAgent::with_tools(model, tools);
    /// let answer = agent.generate_as::<Toss>(vec![user!("Toss")]).await?;
    /// assert_eq!(answer.value, Toss { side: "heads".into() });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate), and of kind
    /// [`InvalidAnswer`](crate::ErrorKind::InvalidAnswer), if there is no answer that fits.
    ///
    /// # Cancel safety
    ///
    /// As [`generate`](Self::generate).
    pub async fn generate_as<T: DeserializeOwned + JsonSchema>(
        &self,
        messages: Vec<ChatMessage>,
    ) -> Result<Structured<T>, RunError> {
        self.run_as_with(messages, None, &self.tools).await
    }
}

impl<M: LanguageModel + 'static> ToolLoopAgent<M, ToolSet> {
    /// Runs as a stream, which may outlive the agent and ends with the answer as a value of `T`.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn stream_as<T: DeserializeOwned + JsonSchema>(
        &self,
        messages: Vec<ChatMessage>,
    ) -> Result<AnswerStream<'static, T>, RunError> {
        self.stream_as_with(messages, None, self.tools.clone()).await
    }
}

/// What both kinds of agent do.
impl<M: LanguageModel, T> ToolLoopAgent<M, T> {
    async fn run_as_with<A: DeserializeOwned + JsonSchema>(
        &self,
        messages: Vec<ChatMessage>,
        tools: Option<Vec<Tool>>,
        resolver: &dyn ToolResolver,
    ) -> Result<Structured<A>, RunError> {
        let stop: Vec<_> = self.stop_conditions().collect();
        let (model, messages) = (&*self.model, self.introduced(messages));
        let options = self.ruled(self.options.clone());
        generate_as(model, messages, tools, Some(resolver), &stop, options).await
    }

    async fn stream_as_with<A: DeserializeOwned + JsonSchema>(
        &self,
        messages: Vec<ChatMessage>,
        tools: Option<Vec<Tool>>,
        resolver: impl ToolResolver + 'static,
    ) -> Result<AnswerStream<'static, A>, RunError>
    where
        M: 'static,
    {
        let (schema, options) = asking_for::<A>(self.ruled(self.options.clone()), &messages)?;
        let orchestration = self.stream_by(messages, tools, resolver, options).await?;
        Ok(AnswerStream::new(orchestration.stream, schema))
    }
}
