//! Layers around a model: each wraps a [`LanguageModel`] and is one.
//!
//! | to | wrap it in |
//! |---|---|
//! | ask again when it fails in a way that may pass | [`Retry`] |
//! | let another model take over | [`Fallback`] |
//! | ask only so often, or only so many at once | [`RateLimit`] |
//! | write down what it is asked and answers | [`Recorder`] |
//!
//! and [`Replay`] answers by what was written down, in the place of a model.
//!
//! They know no run and nest in any order; usually each model has its own limit
//! and its own retries, and the fallback stands around them:
//!
//! ```
//! use std::time::Duration;
//! use siumai_core::{
//!     ErrorKind, LlmError,
//!     model::{LanguageModel, collect, layers::{Fallback, RateLimit, Retry}},
//!     testing::ScriptedModel,
//!     types::ChatRequest,
//!     user,
//! };
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), LlmError> {
//! let busy = || LlmError::new(ErrorKind::Overloaded, "overloaded");
//! let first = ScriptedModel::new().fails(busy()).fails(busy()).fails(busy());
//! let second = ScriptedModel::new().reply("Hello.");
//!
//! let first = Retry::new(RateLimit::new(first).requests_per(60, Duration::from_secs(60)));
//! let model = Fallback::new(first).or(Retry::new(second));
//!
//! let reply = collect(model.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
//! assert_eq!(reply.content_text(), Some("Hello."));
//! assert_eq!(
//!     reply.warnings[0].to_string(),
//!     "`scripted:script` failed, and `scripted:script` took over: overloaded (3 attempts)",
//! );
//! # Ok(())
//! # }
//! ```
mod fallback;
mod rate_limit;
mod recording;
mod retry;

use std::time::Duration;

use futures_util::{StreamExt, stream};

pub use self::{
    fallback::Fallback,
    rate_limit::RateLimit,
    recording::{Recorder, Replay},
    retry::Retry,
};
use super::{LanguageModel, ModelEvent, ModelStream};
use crate::{
    LlmError,
    types::{ChatRequest, Warning},
};

/// Asks `model` and waits until its reply says something: until then nothing has reached anybody,
/// and a failure can be made good. `warnings` tell of what went wrong before.
///
/// A provider may open a reply and find only then that it is overloaded.
async fn attempt<'a>(
    model: &'a (impl LanguageModel + ?Sized),
    request: ChatRequest,
    warnings: &[Warning],
) -> Result<ModelStream<'a>, LlmError> {
    let mut reply = model.stream(request).await?.fuse();
    let mut held = Vec::new();
    while let Some(event) = reply.next().await {
        let event = event?;
        let is_said = says_something(&event);
        held.push(event);
        if is_said {
            break;
        }
    }
    let start = usize::from(matches!(held.first(), Some(ModelEvent::Start { .. })));
    held.splice(start..start, warnings.iter().cloned().map(ModelEvent::Warning));
    Ok(stream::iter(held).map(Ok).chain(reply).boxed())
}

fn says_something(event: &ModelEvent) -> bool {
    match event {
        ModelEvent::Start { .. } | ModelEvent::Warning(_) => false,
        ModelEvent::Delta(delta) => !delta.is_empty(),
        ModelEvent::Origin(_) | ModelEvent::Finish { .. } => true,
    }
}

/// How long may be waited before the model is asked, if that was said.
fn time_left(request: &ChatRequest) -> Option<Duration> {
    let now = tokio::time::Instant::now().into_std();
    request.deadline().map(|it| it.saturating_duration_since(now))
}
