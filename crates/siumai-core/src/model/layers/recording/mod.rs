//! A model that writes down what it is asked and answers, and one that answers by such a file.
//!
//! A recording is JSON Lines in UTF-8. The first line names the format and its version; each
//! further one is an exchange, in the order in which they ended; the last says how many there
//! are, so that a recording that broke off is known as one. A reader ignores fields that it does
//! not know.
mod line;
mod recorder;
mod replay;
mod request;
mod secrets;

pub use self::{recorder::Recorder, replay::Replay};
