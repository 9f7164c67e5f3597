//! The wires against recorded traffic, published schemas and a server on loopback.
#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod building;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod compatible;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod heard;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod loopback;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod structured;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod transfer;
