//! How to work with siumai, page by page; every example runs offline.
//!
//! | page | read it to |
//! |---|---|
//! | [concepts] | know the words: run, step, message, history, event |
//! | [providers] | choose the model that is asked |
//! | [tools] | define tools, execute them, and know what becomes of a call |
//! | [structured] | get answers as values of a type |
//! | [agents] | let an agent call another, or hand the conversation on to it |
//! | [`stop_conditions`] | end a run where you want it to end |
//! | [prices] | know what a run cost, and end it at an amount |
//! | [approval] | let somebody decide before a tool executes |
//! | [durability] | keep a run, resume it after a crash, let it wait for approval |
//! | [mcp] | use the tools of MCP servers, or offer an agent as one |
//! | [histories] | shorten a long conversation, or keep one for another day |
//! | [streaming] | watch a run while it happens, or cancel it |
//! | [errors] | keep what was done when something fails |
//! | [telemetry] | see in a tracing tool what runs do, take and cost |
//! | [recording] | play a run again without a model |
//! | [migrating] | replace a loop that you wrote by hand |
//!
//! The examples use a [`ScriptedModel`](crate::testing::ScriptedModel), which says what it is told to say.
//! In a program, a client takes its place: [`Siumai::builder`](crate::Siumai::builder) makes one for a provider
//! (`.openai()`), or one that needs neither key nor network (`.offline()`);
//! [`Siumai::from_env`](crate::Siumai::from_env) takes what the environment is configured for.

#[doc = include_str!("guide/concepts.md")]
pub mod concepts {}

#[doc = include_str!("guide/providers.md")]
pub mod providers {}

#[doc = include_str!("guide/tools.md")]
pub mod tools {}

#[doc = include_str!("guide/structured.md")]
pub mod structured {}

#[doc = include_str!("guide/agents.md")]
pub mod agents {}

#[doc = include_str!("guide/stop_conditions.md")]
pub mod stop_conditions {}

#[doc = include_str!("guide/prices.md")]
pub mod prices {}

#[doc = include_str!("guide/approval.md")]
pub mod approval {}

#[doc = include_str!("guide/durability.md")]
pub mod durability {}
#[doc = include_str!("guide/mcp.md")]
pub mod mcp {}

#[doc = include_str!("guide/histories.md")]
pub mod histories {}

#[doc = include_str!("guide/streaming.md")]
pub mod streaming {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/telemetry.md")]
pub mod telemetry {}

#[doc = include_str!("guide/recording.md")]
pub mod recording {}

#[doc = include_str!("guide/migrating.md")]
pub mod migrating {}

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
