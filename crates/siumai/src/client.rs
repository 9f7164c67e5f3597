//! A language model of whatever provider, behind one type.
use std::{fmt, io, sync::Arc};

use secrecy::SecretString;
use serde_json::Value;
use siumai_core::{
    LlmError, async_trait,
    model::{LanguageModel, ModelStream, collect, layers::Recorder},
    types::{ChatRequest, ChatResponse, Tool, Warning},
};

use crate::SiumaiBuilder;

/// A language model. Cloning it is cheap, and all clones share its connections.
///
/// ```
/// use siumai::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let client = Siumai::builder().offline().build()?;
/// let response = client.chat_request(ChatRequest::new(vec![user!("Hello")])).await?;
/// assert!(response.content_text().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Siumai {
    model: Arc<dyn LanguageModel>,
    /// What must not be shown of what is said to the model and by it.
    secrets: Arc<[SecretString]>,
}

impl Siumai {
    /// Says which model it is to be.
    pub fn builder() -> SiumaiBuilder {
        SiumaiBuilder::default()
    }

    /// Any language model, as this type.
    pub fn new(model: impl LanguageModel + 'static) -> Self {
        Self { model: Arc::new(model), secrets: Arc::default() }
    }

    /// The client with what it must not show.
    pub(crate) fn keeping(self, secrets: Vec<SecretString>) -> Self {
        Self { secrets: secrets.into(), ..self }
    }

    /// Writes what is asked and answered to `writer`, without the client's key, to be
    /// [replayed](crate::model::layers::Replay) without a provider. See [`Recorder`].
    ///
    /// ```
    /// use siumai::{model::{collect, LanguageModel, layers::Replay}, prelude::*};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), LlmError> {
    /// let mut file = Vec::new();
    /// let client = Siumai::builder().offline().build()?.record(&mut file);
    /// let reply = collect(client.stream(ChatRequest::new(vec![user!("Hello")])).await?).await?;
    /// drop(client);
    ///
    /// let replay = Siumai::new(Replay::from_reader(&file[..])?);
    /// let again = replay.chat_request(ChatRequest::new(vec![user!("Hello")])).await?;
    /// assert_eq!(again, reply);
    /// # Ok(())
    /// # }
    /// ```
    pub fn record<W: io::Write + Send>(self, writer: W) -> Recorder<Self, W> {
        let secrets = Arc::clone(&self.secrets);
        secrets.iter().cloned().fold(Recorder::new(self, writer), Recorder::scrub)
    }

    /// Asks once; no tool is executed. The calls that the model wants are in the response.
    ///
    /// # Errors
    ///
    /// If the request was refused, never arrived, or the reply broke off.
    pub async fn chat_request(
        &self,
        request: impl Into<ChatRequest>,
    ) -> Result<ChatResponse, LlmError> {
        let request = request.into().whole();
        collect(self.model.stream(request).await?).await
    }
}

#[async_trait]
impl LanguageModel for Siumai {
    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn model(&self) -> &str {
        self.model.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        // Not by the pointer, which would box a future of its own.
        (*self.model).stream(request).await
    }

    fn check_tools(&self, tools: &[Tool]) -> Result<Vec<Warning>, LlmError> {
        self.model.check_tools(tools)
    }

    fn takes_answer_schema(&self, schema: &Value, tools: &[Tool]) -> bool {
        self.model.takes_answer_schema(schema, tools)
    }
}

impl fmt::Debug for Siumai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Siumai")
            .field("provider", &self.provider())
            .field("model", &self.model())
            .finish_non_exhaustive()
    }
}
