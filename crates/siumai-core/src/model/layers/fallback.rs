//! A model with others behind it that take over when it fails.
use std::fmt;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{LanguageModel, ModelEvent, ModelStream, attempt};
use crate::{
    ErrorKind, LlmError,
    types::{ChatRequest, Tool, Warning},
};

/// Asks a model, and when it fails the next, before anything of a reply has reached anybody.
///
/// Which errors let another take over is up to [`when`](Self::when); by default those for which
/// [`may_help`](Self::may_help) holds. The reply says itself which model wrote it
/// ([`ChatResponse::model`](crate::types::ChatResponse::model)) and carries a
/// [`Warning::FellBack`] for each that failed; the error of the last names the ones before it.
///
/// ```
/// use siumai_core::{
///     ErrorKind, LlmError,
///     model::{LanguageModel, collect, layers::Fallback},
///     testing::ScriptedModel,
///     types::ChatRequest,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let gone = LlmError::new(ErrorKind::NotFound, "no such model");
/// let model = Fallback::new(ScriptedModel::new().fails(gone)).or(ScriptedModel::new().reply("Hello."));
///
/// let reply = collect(model.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
/// assert_eq!(reply.content_text(), Some("Hello."));
/// # Ok(())
/// # }
/// ```
pub struct Fallback {
    first: Box<dyn LanguageModel>,
    others: Vec<Box<dyn LanguageModel>>,
    takes_over: Box<dyn Fn(&LlmError) -> bool + Send + Sync>,
}

impl Fallback {
    /// `first` is asked first, and the layer goes by its name.
    pub fn new(first: impl LanguageModel + 'static) -> Self {
        Self { first: Box::new(first), others: Vec::new(), takes_over: Box::new(Self::may_help) }
    }

    /// Adds a model that is asked when all before it failed.
    #[must_use]
    pub fn or(mut self, next: impl LanguageModel + 'static) -> Self {
        self.others.push(Box::new(next));
        self
    }

    /// Says which errors let the next model take over.
    ///
    /// ```
    /// use siumai_core::{ErrorKind, model::layers::Fallback, testing::ScriptedModel};
    ///
    /// let (short, long) = (ScriptedModel::new(), ScriptedModel::new());
    /// let model = Fallback::new(short).or(long).when(|error| {
    ///     Fallback::may_help(error) || error.kind() == ErrorKind::ContextTooLong
    /// });
    /// # drop(model);
    /// ```
    #[must_use]
    pub fn when(mut self, takes_over: impl Fn(&LlmError) -> bool + Send + Sync + 'static) -> Self {
        self.takes_over = Box::new(takes_over);
        self
    }

    /// Whether another model may well do better: the provider does not answer, or does not
    /// serve this model to this key.
    ///
    /// A wrong key, a request that is malformed or too long, and a filter's refusal are no
    /// reasons: the first is for its owner to mend, and the others another model should not hide.
    ///
    /// ```
    /// use siumai_core::{ErrorKind, LlmError, model::layers::Fallback};
    ///
    /// let error = |kind| LlmError::new(kind, "it failed");
    /// assert!(Fallback::may_help(&error(ErrorKind::Overloaded)));
    /// assert!(Fallback::may_help(&error(ErrorKind::PermissionDenied)));
    /// assert!(!Fallback::may_help(&error(ErrorKind::Authentication)));
    /// ```
    pub fn may_help(error: &LlmError) -> bool {
        use ErrorKind::{
            Connection, NotFound, Overloaded, PermissionDenied, RateLimited, Server, Timeout,
        };
        // By kind: a provider that says not to ask it again says nothing of others.
        matches!(
            error.kind(),
            Connection | NotFound | Overloaded | PermissionDenied | RateLimited | Server | Timeout
        )
    }
}

#[async_trait]
impl LanguageModel for Fallback {
    fn provider(&self) -> &str {
        self.first.provider()
    }

    fn model(&self) -> &str {
        self.first.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let mut others = self.others.iter().map(|it| &**it);
        let mut model = &*self.first;
        let mut failed = Vec::new();
        loop {
            let error = match attempt(model, request.clone(), &failed).await {
                Ok(reply) if failed.is_empty() => return Ok(reply),
                Ok(reply) => return Ok(signed(reply, model.provider(), model.model()).await),
                Err(error) => error,
            };
            let Some(next) = others.next().filter(|_| (self.takes_over)(&error)) else {
                return Err(failed.iter().fold(error, after));
            };
            let (from, to) = (name(model), name(next));
            let (kind, status) = (error.kind(), error.status());
            tracing::warn!(from, to, ?kind, status, "a model failed and another takes over");
            failed.push(Warning::FellBack { from, to, error: error.to_string() });
            model = next;
        }
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        let mut warnings = self.first.check_tools(tools)?;
        for other in &self.others {
            warnings.extend(other.check_tools(tools)?);
        }
        Ok(warnings)
    }

    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        let mut all = std::iter::once(&self.first).chain(&self.others);
        all.all(|it| it.takes_answer_schema(schema, tools))
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models = std::iter::once(&self.first).chain(&self.others).map(|it| name(&**it));
        let models: Vec<_> = models.collect();
        f.debug_struct("Fallback").field("models", &models).finish_non_exhaustive()
    }
}

/// `reply`, which says who wrote it: whoever asked was told the name of the first model.
async fn signed<'a>(mut reply: ModelStream<'a>, provider: &str, model: &str) -> ModelStream<'a> {
    // What begins the reply is there: an attempt waits for it.
    let first = reply.next().await;
    let (provider, model) = (Some(provider.to_owned()), Some(model.to_owned()));
    let (start, rest) = match first {
        Some(Ok(ModelEvent::Start { id, model: named, provider: serving, request_id })) => {
            let (provider, model) = (serving.or(provider), named.or(model));
            (ModelEvent::Start { id, model, provider, request_id }, None)
        }
        other => (ModelEvent::Start { id: None, model, provider, request_id: None }, other),
    };
    stream::iter(std::iter::once(Ok(start)).chain(rest)).chain(reply).boxed()
}

fn name(model: &dyn LanguageModel) -> String {
    format!("{}:{}", model.provider(), model.model())
}

/// The error of a model that was asked after another had failed.
fn after(error: LlmError, before: &Warning) -> LlmError {
    error.noting(&before.to_string())
}
