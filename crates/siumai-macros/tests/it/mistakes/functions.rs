//! What a function that is a tool can't be.
use siumai_macros::tool;

#[tool]
async fn undescribed() {}

/// Waits for nobody.
#[tool]
fn blocking() {}

/// Takes what it does not own.
#[tool]
async fn borrowing(text: &str, context: &mut ToolContext) {}

/// Takes anything.
#[tool]
async fn generic<T>(it: T) {}

/// Takes it hidden.
#[tool]
async fn hidden(it: impl Into<String>) -> impl Into<String> {
    it
}

/// Is marked wrongly.
#[tool(readonly)]
async fn misspelled() {}

/// Is marked in two ways.
#[tool(read_only, destructive)]
async fn both() {}

/// Takes its time.
#[tool(timeout = 20)]
async fn unitless() {}

/// Has a name.
#[tool(name = "look up")]
async fn misnamed() {}

/// Says too little of its parameter.
#[tool]
async fn unsaid(#[tool] a: u8, #[tool(optional)] b: u8) {}

/// Has two contexts, and a type beside an argument.
#[tool]
async fn crowded(a: &ToolContext, b: ToolContext, #[tool(flatten)] c: Point, d: u8) {}

/// Is a method.
#[tool]
async fn method(&self) {}

#[tool]
struct Something;

fn main() {}
