//! Tools as the loop sees them: who executes them, and whether a call fits.
mod answer;
mod context;
mod nulls;
mod parameters;
#[doc(hidden)]
pub mod private;
mod resolver;
mod schema;
mod set;
mod user_context;

pub use self::{
    answer::{Answer, Json},
    context::ToolContext,
    resolver::ToolResolver,
    set::{IntoToolSet, ToolGroup, ToolSet},
    user_context::UserContext,
};
pub(crate) use self::{
    nulls::has_nulls,
    parameters::{parameters_of, schema_of},
    schema::{Toolbox, Validator, as_object, nearest},
    set::arguments_of,
};
