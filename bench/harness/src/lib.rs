//! What the server, the clients and the runner of the measurements agree on.
//!
//! - [`job`]: one measurement, and how its script is written into a URL
//! - [`script`]: what the model says, what the tools say, and what is the right answer
//! - [`measure`]: runs a client, checks its proof, tells what it cost
pub mod job;
pub mod measure;
pub mod script;

pub use self::{
    job::{Gate, Job, Script, Wire},
    measure::{Answer, Client, Outcome, Proof, Report, main},
    script::{Desk, ToolSpec},
};

/// Whatever went wrong: the measurement is void, and somebody reads why.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
