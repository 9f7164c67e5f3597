//! MCP from both sides: servers that behave and servers that don't, and agents as servers.
#[cfg(test)]
mod agent;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod http;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod misbehaving;
#[cfg(test)]
#[cfg(unix)]
mod process;
#[cfg(test)]
mod scripted;
