//! The contract a language model fulfils, and what its stream is made of.
mod assembler;
mod event;
pub mod layers;
mod stream;

use async_trait::async_trait;
use serde_json::Value;

pub(crate) use self::stream::deltas;
pub use self::{
    assembler::Assembler,
    event::{Delta, ModelEvent, ToolCallDelta},
    stream::{ModelStream, collect, one_reply},
};
use crate::{
    LlmError,
    types::{ChatRequest, Tool, Warning},
};

/// A language model: takes a request, answers with a stream of events.
///
/// This is the one contract between the loop and whatever produces text. A
/// model that has no stream answers with [`one_reply`]. Retries, fallbacks and
/// limits are [layers](layers): types that wrap a model and are models themselves.
///
/// ```
/// use siumai_core::{
///     LlmError, async_trait,
///     model::{LanguageModel, ModelStream, collect, one_reply},
///     types::{ChatMessage, ChatRequest, ChatResponse, FinishReason},
/// };
///
/// struct Parrot;
///
/// #[async_trait]
/// impl LanguageModel for Parrot {
///     fn provider(&self) -> &str {
///         "example"
///     }
///
///     fn model(&self) -> &str {
///         "parrot"
///     }
///
///     async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
///         let heard = request.messages().last().and_then(|it| it.text()).unwrap_or("squawk");
///         Ok(one_reply(ChatResponse::new(ChatMessage::assistant(heard), FinishReason::Stop)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let request = ChatRequest::new(vec![ChatMessage::user("hello")]);
/// let reply = collect(Parrot.stream(request).await?).await?;
/// assert_eq!(reply.content_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a language model",
    note = "pass a reference to a client, as in `generate(&client, …)`; `Siumai::builder()` makes one"
)]
pub trait LanguageModel: Send + Sync {
    /// Who serves the model: `openai`, `anthropic`, `offline`, …
    fn provider(&self) -> &str;

    /// The model that is asked for.
    fn model(&self) -> &str;

    /// Asks for a reply.
    ///
    /// The stream ends with [`ModelEvent::Finish`]; one that ends without it has broken off.
    /// Dropping the stream stops the call.
    ///
    /// # Errors
    ///
    /// If the request was refused or never arrived. What fails later is an item of the stream.
    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError>;

    /// Whether the model can be offered `tools`, and what of them it can't be told exactly. A run
    /// asks once, before it begins; without a network.
    ///
    /// # Errors
    ///
    /// If the provider would refuse a request with them.
    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        // Unless it says otherwise, it takes them all.
        let _: &[Tool] = tools;
        Ok(Vec::new())
    }

    /// Whether the provider holds the model's answer to `schema`, of an object, while `tools` are
    /// on offer: as a [`ResponseFormat`](crate::types::ResponseFormat) of the request's settings. A
    /// run that wants an [answer of a shape](crate::orchestrator::AnswerSchema) asks once, before
    /// it begins; without a network.
    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        // Unless it says otherwise, it answers in words.
        let _: (&Value, &[Tool]) = (schema, tools);
        false
    }
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        impl<M: LanguageModel + ?Sized> LanguageModel for $pointer {
            fn provider(&self) -> &str {
                (**self).provider()
            }

            fn model(&self) -> &str {
                (**self).model()
            }

            async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
                (**self).stream(request).await
            }

            fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
                (**self).check_tools(tools)
            }

            fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
                (**self).takes_answer_schema(schema, tools)
            }
        }
    )+};
}

forward!(&M, Box<M>, std::sync::Arc<M>);
