//! What replies look like, for the server and for whoever measures without one.
//!
//! - [`chat`], [`responses`], [`messages`]: the wires
mod sse;

pub mod chat;
pub mod messages;
pub mod responses;

use std::ops::Range;

use harness::Wire;

/// What a reply consists of, before it is written for a wire.
pub enum Said {
    /// The numbers of the calls.
    Calls(Range<usize>),
    Answer {
        deltas: usize,
    },
}

/// A reply as a stream of events.
pub fn events(wire: Wire, said: &Said) -> String {
    match wire {
        Wire::Chat => chat::events(said),
        Wire::Responses => responses::events(said),
        Wire::Messages => messages::events(said),
    }
}

/// A reply in one piece.
pub fn json(wire: Wire, said: &Said) -> String {
    match wire {
        Wire::Chat => chat::json(said),
        Wire::Responses => responses::json(said),
        Wire::Messages => messages::json(said),
    }
}
