//! What a function that is a tool may return.
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    error::Error,
};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::LlmError;

/// What a function of a [`ToolSet`](super::ToolSet) may return: text, numbers, lists, options and
/// maps, [`Json`] of anything `Serialize`, or a `Result` of anything `Serialize` with any error.
///
/// The error is told to the model; [`LlmError::fatal`] ends the run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer of a tool",
    note = "if it is `Serialize`, return `Json(value)`; a `Result` of it will do as well"
)]
pub trait Answer: sealed::Sealed {
    /// The answer as the model gets it.
    ///
    /// # Errors
    ///
    /// The tool's own error, or that of an answer that can't be written as JSON.
    fn into_answer(self) -> Result<Value, LlmError>;
}

/// Anything `Serialize`, as the answer of a tool.
///
/// ```
/// use serde_json::json;
/// use siumai_core::tool::{Answer, Json};
///
/// #[derive(serde::Serialize)]
/// struct Weather {
///     celsius: f64,
/// }
///
/// assert_eq!(Json(Weather { celsius: 22.5 }).into_answer()?, json!({ "celsius": 22.5 }));
/// # Ok::<(), siumai_core::LlmError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(
    /// What is written as JSON.
    pub T,
);

impl<T: Serialize> Answer for Json<T> {
    fn into_answer(self) -> Result<Value, LlmError> {
        written(&self.0)
    }
}

impl<T: Serialize, E: Into<Box<dyn Error + Send + Sync>>> Answer for Result<T, E> {
    fn into_answer(self) -> Result<Value, LlmError> {
        match self {
            Ok(answer) => written(&answer),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// `answer` as the model gets it.
pub(super) fn written(answer: &impl Serialize) -> Result<Value, LlmError> {
    serde_json::to_value(answer).map_err(|error| {
        LlmError::ToolExecutionError(format!(
            "The tool did its work, but its answer can't be written as JSON: {error}."
        ))
    })
}

/// A tool's own error; one of ours stays what it is.
fn failed(error: Box<dyn Error + Send + Sync>) -> LlmError {
    match error.downcast::<LlmError>() {
        Ok(error) => *error,
        Err(error) => LlmError::ToolExecutionError(with_causes(&*error)),
    }
}

/// What `error` says, and what its causes say that it does not say itself.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = error.source();
    }
    told
}

macro_rules! plain {
    ($($({$($generic:tt)*})? $answer:ty),+ $(,)?) => {$(
        impl$(<$($generic)*>)? Answer for $answer {
            fn into_answer(self) -> Result<Value, LlmError> {
                written(&self)
            }
        }

        impl$(<$($generic)*>)? sealed::Sealed for $answer {}
    )+};
}

#[rustfmt::skip]
plain!(
    (), bool, char, f32, f64, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize,
    &'static str, String, Cow<'static, str>, Map<String, Value>,
    {T: Serialize} Vec<T>,
    {T: Serialize} Option<T>,
    {T: Serialize} BTreeMap<String, T>,
    {T: Serialize, S: std::hash::BuildHasher} HashMap<String, T, S>,
    {A: Serialize, B: Serialize} (A, B),
    {A: Serialize, B: Serialize, C: Serialize} (A, B, C),
);

impl Answer for Value {
    fn into_answer(self) -> Result<Value, LlmError> {
        Ok(self)
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for serde_json::Value {}
    impl<T> Sealed for super::Json<T> {}
    impl<T, E> Sealed for Result<T, E> {}
}

#[cfg(test)]
mod tests;
