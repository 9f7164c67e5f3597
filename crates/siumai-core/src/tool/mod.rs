//! Tools as the loop sees them: who executes them, and whether a call fits.
mod resolver;

pub use self::resolver::{ToolContext, ToolResolver};
