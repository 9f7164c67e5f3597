//! Tools as the loop sees them: who executes them, and whether a call fits.
mod resolver;
mod schema;

pub use self::resolver::{ToolContext, ToolResolver};
pub(crate) use self::schema::{Toolbox, as_object, nearest};
