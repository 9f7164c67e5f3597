//! The wires against recorded traffic, published schemas and a server on loopback.
#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod building;
#[cfg(test)]
mod compatible;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod gemini;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod loopback;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod responses_conversations;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
