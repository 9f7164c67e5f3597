//! MCP (the Model Context Protocol) for siumai: [servers](McpServers) as tools of a run, and
//! [an agent](AgentServer) as a server.
//!
//! - [`McpServer`] describes one: a command to start, an address, or a stream.
//! - [`McpServers`] are the tools of any number of them.
//! - [`AgentServer`] offers an agent to the clients of others.
//!
//! This crate starts no task itself. The protocol's library runs one for each connection, which ends
//! with it.
mod agent;
#[cfg(feature = "stdio")]
mod command;
mod connection;
mod content;
mod definition;
mod diagnosis;
mod fault;
#[cfg(feature = "http")]
mod http;
mod lines;
mod link;
mod listener;
mod names;
#[cfg(feature = "stdio")]
mod process;
mod secrets;
mod server;
mod servers;

pub use self::{
    agent::AgentServer,
    server::McpServer,
    servers::{McpServers, Offered},
};
