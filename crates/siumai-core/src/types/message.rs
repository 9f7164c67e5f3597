//! A message of a conversation, immutable and shared.
use std::{
    fmt, slice,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize, Serializer};

use super::{Media, Source, ToolCall, ToolResult};

/// One message of a conversation.
///
/// A message never changes once it is made, and all copies share it: cloning a
/// history copies pointers. In JSON it is `{"role": …, "content": [part, …]}`.
///
/// ```
/// use siumai_core::types::{ChatMessage, Role};
///
/// let message = ChatMessage::user("What is the weather in Tokyo?");
/// assert_eq!(message.role(), Role::User);
/// assert_eq!(message.text(), Some("What is the weather in Tokyo?"));
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatMessage(Arc<Body>);

#[derive(Serialize, Deserialize)]
struct Body {
    role: Role,
    content: Parts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    /// The text of several parts, joined when somebody asks for it.
    #[serde(skip)]
    joined: OnceLock<String>,
}

/// The parts of a message: mostly one, which then needs no list.
#[derive(Clone, Deserialize)]
#[serde(from = "Vec<ContentPart>")]
enum Parts {
    One(ContentPart),
    List(Vec<ContentPart>),
}

impl Parts {
    fn as_slice(&self) -> &[ContentPart] {
        match self {
            Self::One(part) => slice::from_ref(part),
            Self::List(parts) => parts,
        }
    }
}

impl From<Vec<ContentPart>> for Parts {
    fn from(mut parts: Vec<ContentPart>) -> Self {
        match (parts.pop(), parts.is_empty()) {
            (Some(part), true) => Self::One(part),
            (last, _) => {
                parts.extend(last);
                Self::List(parts)
            }
        }
    }
}

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

/// A model's message in the words of the wire it came over.
///
/// It goes back over the same wire as it came, with signatures, ids and
/// whatever else has no portable form; any other wire is sent the parts.
///
/// ```
/// use siumai_core::types::{ChatMessage, Origin};
///
/// let origin = Origin::new("anthropic", r#"[{"type":"text","text":"Hi","citations":null}]"#);
/// let message = ChatMessage::assistant("Hi").with_origin(origin);
/// assert!(message.origin("anthropic").is_some());
/// assert_eq!(message.origin("gemini"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    wire: String,
    content: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

impl Origin {
    /// What came over `wire`: JSON text that only that wire understands.
    pub fn new(wire: impl Into<String>, content: impl Into<String>) -> Self {
        Self { wire: wire.into(), content: content.into(), context: None }
    }

    /// Adds what the wire wants told again beside the message, such as where the provider ran
    /// code for it.
    ///
    /// ```
    /// use siumai_core::types::{ChatMessage, Origin};
    ///
    /// let origin = Origin::new("anthropic", "[]").with_context("container_1");
    /// let message = ChatMessage::assistant("Done").with_origin(origin);
    /// assert_eq!(message.origin_context("anthropic"), Some("container_1"));
    /// ```
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The application: what holds for the whole conversation.
    System,
    /// The person, or the program in their place.
    User,
    /// The model.
    Assistant,
    /// What tools answered.
    Tool,
}

/// A piece of a message.
///
/// In JSON each has a `type`: `text`, `reasoning`, `refusal`, `image`, `file`, `source`,
/// `tool_call`, `tool_result`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentPart {
    /// Words meant for the reader.
    #[non_exhaustive]
    Text {
        /// The words.
        text: String,
    },
    /// The model's thinking, where the provider shows it.
    #[non_exhaustive]
    Reasoning {
        /// The thinking.
        text: String,
    },
    /// The model's own words on why it declines.
    #[non_exhaustive]
    Refusal {
        /// The words.
        text: String,
    },
    /// A picture.
    #[non_exhaustive]
    Image {
        /// Where it is, or its bytes.
        media: Media,
    },
    /// A document or another file.
    #[non_exhaustive]
    File {
        /// Where it is, or its bytes.
        media: Media,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Where the model has something from.
    Source(Source),
    /// The model asks for a tool.
    ToolCall(Arc<ToolCall>),
    /// What came of a call.
    ToolResult(Arc<ToolResult>),
}

impl ContentPart {
    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A piece of the model's thinking.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Self::Reasoning { text: text.into() }
    }

    /// A picture.
    pub fn image(media: Media) -> Self {
        Self::Image { media }
    }

    /// A file by this name.
    pub fn file(media: Media, name: impl Into<String>) -> Self {
        Self::File { media, name: Some(name.into()) }
    }

    /// A file that nobody named.
    pub fn unnamed_file(media: Media) -> Self {
        Self::File { media, name: None }
    }

    /// The model's words on why it declines.
    pub fn refusal(text: impl Into<String>) -> Self {
        Self::Refusal { text: text.into() }
    }
}

impl ChatMessage {
    /// A message of any parts.
    ///
    /// ```
    /// use siumai_core::types::{ChatMessage, ContentPart, Media, Role};
    ///
    /// let message = ChatMessage::new(
    ///     Role::User,
    ///     vec![
    ///         ContentPart::text("What is in the picture?"),
    ///         ContentPart::image(Media::url("https://example.com/cat.png")),
    ///         ContentPart::file(Media::bytes("application/pdf", *b"%PDF-1.7"), "invoice.pdf"),
    ///     ],
    /// );
    /// assert_eq!(message.content().len(), 3);
    /// ```
    pub fn new(role: Role, content: Vec<ContentPart>) -> Self {
        Self::of(role, content.into())
    }

    fn of(role: Role, content: Parts) -> Self {
        Self(Arc::new(Body { role, content, origin: None, joined: OnceLock::new() }))
    }

    fn of_one(role: Role, part: ContentPart) -> Self {
        Self::of(role, Parts::One(part))
    }

    /// The same message with what it was on its wire.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        let (role, content) = match Arc::try_unwrap(self.0) {
            Ok(body) => (body.role, body.content),
            Err(shared) => (shared.role, shared.content.clone()),
        };
        Self(Arc::new(Body { role, content, origin: Some(origin), joined: OnceLock::new() }))
    }

    /// What the message was on `wire`, if it came over that: JSON text.
    pub fn origin(&self, wire: &str) -> Option<&str> {
        self.origin_over(wire).map(|it| it.content.as_str())
    }

    /// What `wire` wants told again beside the message, if it came over that and there is any.
    pub fn origin_context(&self, wire: &str) -> Option<&str> {
        self.origin_over(wire)?.context.as_deref()
    }

    fn origin_over(&self, wire: &str) -> Option<&Origin> {
        self.0.origin.as_ref().filter(|it| it.wire == wire)
    }

    /// What holds for the whole conversation.
    pub fn system(text: impl Into<String>) -> Self {
        Self::of_one(Role::System, ContentPart::text(text))
    }

    /// What the person says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::of_one(Role::User, ContentPart::text(text))
    }

    /// What the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::of_one(Role::Assistant, ContentPart::text(text))
    }

    /// What came of a tool call.
    pub fn tool(result: impl Into<Arc<ToolResult>>) -> Self {
        Self::of_one(Role::Tool, ContentPart::ToolResult(result.into()))
    }

    pub(crate) fn whole_origin(&self) -> Option<&Origin> {
        self.0.origin.as_ref()
    }

    /// Who speaks.
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The parts, in order.
    pub fn content(&self) -> &[ContentPart] {
        self.0.content.as_slice()
    }

    /// All text of the message, without reasoning and refusals; `None` if it has none.
    ///
    /// ```
    /// use siumai_core::types::{ChatMessage, ContentPart, Role};
    ///
    /// let parts = vec![ContentPart::text("one, "), ContentPart::reasoning("hm"), ContentPart::text("two")];
    /// assert_eq!(ChatMessage::new(Role::Assistant, parts).text(), Some("one, two"));
    /// assert_eq!(ChatMessage::new(Role::Assistant, vec![]).text(), None);
    /// ```
    pub fn text(&self) -> Option<&str> {
        let mut texts = self.texts();
        let first = texts.next()?;
        if texts.next().is_none() {
            return Some(first);
        }
        Some(self.0.joined.get_or_init(|| self.texts().collect()))
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &Arc<ToolCall>> {
        self.content().iter().filter_map(|part| match part {
            ContentPart::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// The tool results, in order.
    pub fn tool_results(&self) -> impl Iterator<Item = &Arc<ToolResult>> {
        self.content().iter().filter_map(|part| match part {
            ContentPart::ToolResult(result) => Some(result),
            _ => None,
        })
    }

    /// Whether both are the same message in memory, not only alike.
    #[inline]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What is the same for [the same](Self::is_same) message in memory, and for no other while it lives.
    ///
    /// ```
    /// use siumai_core::types::ChatMessage;
    ///
    /// let message = ChatMessage::user("Hello");
    /// assert_eq!(message.address(), message.clone().address());
    /// assert_ne!(message.address(), ChatMessage::user("Hello").address());
    /// ```
    #[inline]
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.content().iter().filter_map(|part| match part {
            ContentPart::Text { text } => Some(text.as_str()),
            _ => None,
        })
    }
}

impl PartialEq for ChatMessage {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || (self.role() == other.role() && self.content() == other.content())
    }
}

impl fmt::Debug for ChatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatMessage")
            .field("role", &self.0.role)
            .field("content", &self.content())
            .finish()
    }
}

/// A [`ChatMessage`] from the user; with more arguments, formatted as by `format!`.
///
/// ```
/// use siumai_core::user;
///
/// let city = "Tokyo";
/// assert_eq!(user!("hello").text(), Some("hello"));
/// assert_eq!(user!("hello {}", city).text(), Some("hello Tokyo"));
/// ```
#[macro_export]
macro_rules! user {
    ($text:expr $(,)?) => { $crate::types::ChatMessage::user($text) };
    ($format:literal, $($argument:tt)+) => { $crate::types::ChatMessage::user(format!($format, $($argument)+)) };
}

/// A system [`ChatMessage`]; with more arguments, formatted as by `format!`.
///
/// ```
/// use siumai_core::system;
///
/// assert_eq!(system!("be brief").text(), Some("be brief"));
/// ```
#[macro_export]
macro_rules! system {
    ($text:expr $(,)?) => { $crate::types::ChatMessage::system($text) };
    ($format:literal, $($argument:tt)+) => { $crate::types::ChatMessage::system(format!($format, $($argument)+)) };
}

/// A [`ChatMessage`] from the model; with more arguments, formatted as by `format!`.
///
/// ```
/// use siumai_core::assistant;
///
/// assert_eq!(assistant!("sure").text(), Some("sure"));
/// ```
#[macro_export]
macro_rules! assistant {
    ($text:expr $(,)?) => { $crate::types::ChatMessage::assistant($text) };
    ($format:literal, $($argument:tt)+) => { $crate::types::ChatMessage::assistant(format!($format, $($argument)+)) };
}
