//! Tools that are functions: what the model reads of them is their documentation.
//!
//! One is a function, two share a ledger, and what they can't do is told to the model.
//!
//! `cargo run -p siumai-examples --example typed-tools`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use siumai::prelude::*;

/// Converts an amount of money from euros to dollars.
#[tool(read_only)]
async fn euros_to_dollars(
    /// The amount in euros.
    amount: f64,
) -> f64 {
    (amount * 108.0).round() / 100.0
}

/// What was paid, by whom.
#[derive(Default)]
struct Ledger {
    entries: Mutex<Vec<(String, f64)>>,
}

#[tool]
impl Ledger {
    /// Pays an amount of money to somebody.
    #[tool(exclusive)]
    async fn pay(
        &self,
        context: &ToolContext,
        /// Who gets it.
        name: String,
        /// How much, in dollars.
        amount: f64,
    ) -> Result<String, String> {
        let Limit(limit) = *context.get().ok_or("Nobody said how much may be paid.")?;
        if amount > limit {
            return Err(format!("No more than {limit} dollars can be paid at once."));
        }
        self.entries().push((name, amount));
        Ok(format!("receipt {}", self.entries().len()))
    }

    /// Sums up what was paid.
    #[tool(read_only)]
    async fn total_paid(&self) -> f64 {
        self.entries().iter().map(|(_, amount)| amount).sum()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(String, f64)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most that may be paid at once.
struct Limit(f64);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LlmError> {
    let tools = ToolSet::new().add(euros_to_dollars).add(Ledger::default()).build()?;
    for tool in tools.definitions() {
        println!("{}: {}", tool.name(), tool.description());
    }
    let agent =
        ToolLoopAgent::with_tools(siumai_examples::client()?, tools).with_context(Limit(100.0));
    for task in ["How much are 50 euros in dollars?", "Pay 20 to Alice", "Pay 2000 to Bob"] {
        println!("you: {task}");
        let (response, steps) = agent.generate(vec![user!(task)]).await?;
        for step in &steps {
            for (call, result) in step.tool_calls.iter().zip(&step.tool_results) {
                println!("  {}({}) = {}", call.name, call.arguments, result.output);
            }
        }
        println!("agent: {}", response.content_text().unwrap_or("nothing"));
    }
    Ok(())
}
