//! What is sent to a model.
use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use super::{ChatMessage, Memo, Role, Settings, Tool, ToolChoice};

/// One request to a model.
///
/// It shares its messages and tools with whoever made it: building one copies no text.
///
/// ```
/// use siumai_core::{system, user, types::ChatRequest};
///
/// let request = ChatRequest::new(vec![system!("Be brief."), user!("Hello")]);
/// assert_eq!(request.system()[0].text(), Some("Be brief."));
/// assert_eq!(request.messages()[0].text(), Some("Hello"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatRequest {
    system: Arc<Vec<ChatMessage>>,
    messages: Arc<Vec<ChatMessage>>,
    tools: Arc<[Tool]>,
    tool_choice: Option<ToolChoice>,
    settings: Arc<Settings>,
    whole: bool,
    /// A moment of this process: it means nothing to another.
    #[serde(skip)]
    deadline: Option<Instant>,
    #[serde(skip)]
    memo: Memo,
}

impl ChatRequest {
    /// A request to go on with `messages`. Leading system messages become [`system`](Self::system).
    pub fn new(messages: Vec<ChatMessage>) -> Self {
        let (system, messages) = split_system(messages);
        Self::shared(Arc::new(system), Arc::new(messages))
    }

    /// A request that shares what somebody else holds.
    pub fn shared(system: Arc<Vec<ChatMessage>>, messages: Arc<Vec<ChatMessage>>) -> Self {
        let (settings, memo) = (Arc::default(), Memo::default());
        Self::of_run(system, messages, settings, memo)
    }

    /// The same, of a run that asks more than once.
    pub(crate) fn of_run(
        system: Arc<Vec<ChatMessage>>,
        messages: Arc<Vec<ChatMessage>>,
        settings: Arc<Settings>,
        memo: Memo,
    ) -> Self {
        let (tools, tool_choice, deadline) = (Arc::default(), None, None);
        Self { system, messages, tools, tool_choice, settings, whole: false, deadline, memo }
    }

    /// Offers tools to the model.
    #[must_use]
    pub fn with_tools(mut self, tools: impl Into<Arc<[Tool]>>) -> Self {
        self.tools = tools.into();
        self
    }

    /// Says which tools the model may or must call; nothing said means the provider's default.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: impl Into<Option<ToolChoice>>) -> Self {
        self.tool_choice = choice.into();
        self
    }

    /// Says how the model is to write.
    #[must_use]
    pub fn with_settings(mut self, settings: impl Into<Arc<Settings>>) -> Self {
        self.settings = settings.into();
        self
    }

    /// Asks for the reply in one piece instead of a stream of deltas.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Says when nobody waits any more for the reply to begin. Whatever would have to wait
    /// longer before it asks the model fails at once instead.
    ///
    /// ```
    /// use std::time::Duration;
    /// use siumai_core::{types::ChatRequest, user};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let soon = tokio::time::Instant::now().into_std() + Duration::from_secs(10);
    /// let request = ChatRequest::new(vec![user!("Hello")]).with_deadline(soon);
    /// assert_eq!(request.deadline(), Some(soon));
    /// # }
    /// ```
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Instant>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Shares `memo` with the other requests of a run, so that what was made of one need not be
    /// made again for the next.
    ///
    /// ```
    /// use siumai_core::{types::{ChatRequest, Memo}, user};
    ///
    /// let memo = Memo::default();
    /// let request = ChatRequest::new(vec![user!("Hello")]).with_memo(memo.clone());
    /// request.memo().put("what a model made of it");
    /// assert_eq!(memo.take(), Some("what a model made of it"));
    /// ```
    #[must_use]
    pub fn with_memo(mut self, memo: Memo) -> Self {
        self.memo = memo;
        self
    }

    /// The messages that come first and hold for the whole conversation.
    pub fn system(&self) -> &[ChatMessage] {
        &self.system
    }

    /// The conversation after [`system`](Self::system).
    pub fn messages(&self) -> &[ChatMessage] {
        &self.messages
    }

    /// The tools on offer.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Which tools the model may or must call, if anything is said about it.
    pub fn tool_choice(&self) -> Option<&ToolChoice> {
        self.tool_choice.as_ref()
    }

    /// How the model is to write.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the reply is wanted in one piece.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// What models made of the requests before.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// When nobody waits any more for the reply to begin, if that was said.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl From<&Self> for ChatRequest {
    fn from(request: &Self) -> Self {
        request.clone()
    }
}

impl From<Vec<ChatMessage>> for ChatRequest {
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self::new(messages)
    }
}

/// Parts the leading system messages from the rest. One that has a call or a result is not what
/// it says, and is left among the rest to be mended.
pub(crate) fn split_system(mut messages: Vec<ChatMessage>) -> (Vec<ChatMessage>, Vec<ChatMessage>) {
    let is_system = |it: &&ChatMessage| {
        it.role() == Role::System
            && it.tool_calls().next().is_none()
            && it.tool_results().next().is_none()
    };
    let count = messages.iter().take_while(is_system).count();
    let rest = messages.split_off(count);
    (messages, rest)
}
