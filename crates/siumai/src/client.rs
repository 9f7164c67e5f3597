//! A language model of whatever provider, behind one type.
use std::{fmt, sync::Arc};

use siumai_core::{
    LlmError, async_trait,
    model::{LanguageModel, ModelStream, collect},
    types::{ChatRequest, ChatResponse},
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
pub struct Siumai(Arc<dyn LanguageModel>);

impl Siumai {
    /// Says which model it is to be.
    pub fn builder() -> SiumaiBuilder {
        SiumaiBuilder::default()
    }

    /// Any language model, as this type.
    pub fn new(model: impl LanguageModel + 'static) -> Self {
        Self(Arc::new(model))
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
        collect(self.0.stream(request).await?).await
    }
}

#[async_trait]
impl LanguageModel for Siumai {
    fn provider(&self) -> &str {
        self.0.provider()
    }

    fn model(&self) -> &str {
        self.0.model()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        self.0.stream(request).await
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
