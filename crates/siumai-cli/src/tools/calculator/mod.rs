//! `calculator`: exact arithmetic, functions, percentages and units.
//!
//! A library calculates, with fractions rather than floating point, so that
//! `0.1 + 0.2` is 0.3 and a product of large integers has all its digits.
//! [`notation`] turns what people write into what it reads, and
//! [`number`] shows what it found no more exactly than it is.
mod notation;
mod number;

use std::{
    thread,
    time::{Duration, Instant},
};

use fend_core::{Context, Interrupt};
use serde::Deserialize;
use serde_json::{Value, json};
use siumai::{LlmError, async_trait, types::Tool};

use self::number::Number;
use super::{
    BuiltIn,
    blocking::{Stop, blocking},
    read_arguments, told,
};
use crate::clock;

/// A longer expression is refused.
const MAX_CHARS: usize = 1_000;
/// How long one expression may take.
const MAX_TIME: Duration = Duration::from_secs(2);
/// The library goes down one level for each operator; an expression of [`MAX_CHARS`] needs up to
/// 25 MiB in a debug build. Only what is used becomes memory.
const STACK_BYTES: usize = 128 << 20;

/// Calculates.
#[derive(Debug)]
pub(super) struct Calculator;

#[derive(Deserialize)]
struct Arguments {
    expression: String,
}

#[async_trait]
impl BuiltIn for Calculator {
    fn definition(&self) -> Tool {
        Tool::function(
            "calculator",
            "Calculate an arithmetic expression exactly: + - * / ^, percentages, functions such as \
             sqrt, round, min, max, sin, ln, and unit conversion",
        )
        .parameter(
            "expression",
            "string",
            "The arithmetic expression, for example `17 * 23`, `12% of 250`, `250 + 10%`, \
             `sqrt(2) * 3`, `round(10 / 3, 2)`, `5 miles to km`",
            true,
        )
        .read_only()
    }

    async fn call(&self, arguments: Value) -> Result<Value, LlmError> {
        let Arguments { expression } = read_arguments(arguments)?;
        blocking(move |stop| {
            let limit = Limit { stop: stop.clone(), until: clock::instant() + MAX_TIME };
            let calculated = on_a_deep_stack(|| calculate(&expression, &limit));
            match calculated {
                Ok(number) => Ok(answer(&expression, &number)),
                Err(why) => Err(refusal(&expression, &why)),
            }
        })
        .await
    }
}

fn answer(expression: &str, number: &Number) -> Value {
    if number.is_exact() {
        return json!({ "expression": expression, "result": number.to_string() });
    }
    json!({ "expression": expression, "result": number.to_string(), "approximate": true })
}

fn refusal(expression: &str, why: &str) -> LlmError {
    told(format!(
        "`{expression}` can't be calculated: {why}. Call the calculator again with numbers, \
         + - * / ^ ( ), percentages and functions such as sqrt(2)."
    ))
}

/// The value of `expression`, or why it has none.
fn calculate(expression: &str, limit: &Limit) -> Result<Number, String> {
    if expression.chars().count() > MAX_CHARS {
        return Err(format!("it is longer than {MAX_CHARS} characters"));
    }
    let is_less = |a: &str, b: &str| Ok(evaluate(&format!("({a}) - ({b})"), limit)?.is_negative());
    let plain = notation::read(expression, &is_less)?;
    let number = evaluate(&plain, limit)?;
    if number.is_exact() {
        return Ok(number);
    }
    // Decimal places would show a very small number as 0.
    evaluate(&format!("({plain}) to 15 sf"), limit)
}

fn evaluate(plain: &str, limit: &Limit) -> Result<Number, String> {
    let mut context = Context::new();
    context.disable_rng();
    let found = fend_core::evaluate_with_interrupt(plain, &mut context, limit);
    if limit.is_passed() {
        return Err(format!("it takes longer than {} seconds", MAX_TIME.as_secs()));
    }
    Number::read(found?.get_main_result())
}

/// When the library gives up.
struct Limit {
    stop: Stop,
    until: Instant,
}

impl Limit {
    fn is_passed(&self) -> bool {
        clock::instant() >= self.until
    }
}

impl Interrupt for Limit {
    fn should_interrupt(&self) -> bool {
        self.stop.is_asked() || self.is_passed()
    }
}

fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    thread::scope(|scope| {
        let spawned = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match spawned.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err("the calculator crashed on it".to_owned()),
            Err(error) => Err(format!("the machine gives it no thread ({error})")),
        }
    })
}

#[cfg(test)]
mod tests;
