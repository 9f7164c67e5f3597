//! The tools of a run with their compiled schemas: whether a call may be executed.
use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
};

use boon::{Compiler, SchemaIndex, Schemas, UrlLoader};
use serde_json::Value;

mod fits;
mod plain;

use self::{fits::Fits, plain::is_plain};
use super::nulls::without_nulls;
use crate::{LlmError, types::Tool};

/// The tools of a run. Every schema is compiled once, for all runs with it.
pub(crate) struct Toolbox {
    tools: Arc<[Tool]>,
    /// What checks the arguments of the tool at the same place, or why nothing can.
    validators: Vec<Arc<Result<Validator, String>>>,
}

impl Toolbox {
    /// Checks `tools`.
    ///
    /// # Errors
    ///
    /// If a name can't be used, is there twice, or a schema is not one: all that is wrong.
    pub(crate) fn new(tools: Vec<Tool>) -> Result<Self, LlmError> {
        let mut validators = Vec::with_capacity(tools.len());
        let mut mistakes = Vec::new();
        for (place, tool) in tools.iter().enumerate() {
            mistakes.extend(check_name(tool.name()).err());
            let is_named = |it: &&Tool| it.name() == tool.name();
            match tools[..place].iter().filter(is_named).count() {
                0 => {
                    let validator = tool.made(validator);
                    mistakes.extend(validator.as_ref().as_ref().err().cloned());
                    validators.push(validator);
                }
                1 => mistakes.push(format!("two tools are named `{}`; rename one", tool.name())),
                // It was told of the second.
                _ => {}
            }
        }
        if mistakes.is_empty() {
            return Ok(Self { tools: tools.into(), validators });
        }
        Err(LlmError::invalid_input(mistakes.join("; and ")))
    }

    /// The tools named in `active`, or all.
    pub(crate) fn active(&self, active: Option<&[String]>) -> Arc<[Tool]> {
        match active {
            None => Arc::clone(&self.tools),
            Some(names) => {
                let is_active = |tool: &&Tool| names.iter().any(|name| name == tool.name());
                self.tools.iter().filter(is_active).cloned().collect()
            }
        }
    }

    /// The tool of that name, whether active or not.
    pub(crate) fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|it| it.name() == name)
    }

    /// Whether a call of `name` with `arguments` may be executed; if not, what the model is told.
    pub(crate) fn check(
        &self,
        name: &str,
        arguments: &Value,
        active: Option<&[String]>,
    ) -> Result<(), String> {
        let is_active = |it: &str| active.is_none_or(|names| names.iter().any(|name| name == it));
        let place = self.tools.iter().position(|it| it.name() == name && is_active(name));
        let Some(place) = place else {
            let names: Vec<_> =
                self.tools.iter().map(Tool::name).filter(|it| is_active(it)).collect();
            if names.is_empty() && self.find(name).is_some() {
                return Err(format!(
                    "`{name}` was not executed, for no tool may be called now. Answer without."
                ));
            }
            return Err(unknown(name, names));
        };
        let arguments = &*as_object(arguments);
        if let Value::String(raw) = arguments {
            return Err(not_json(name, raw));
        }
        if !arguments.is_object() {
            return Err(format!(
                "The arguments of `{name}` must be a JSON object. Call it again with one."
            ));
        }
        match &*self.validators[place] {
            Ok(validator) => validator.check(arguments).map_err(|misfits| misfit(name, &misfits)),
            Err(mistake) => Err(mistake.clone()),
        }
    }

    /// `arguments` without the nulls that stand for nothing, if there are any.
    pub(crate) fn without_nulls(&self, name: &str, arguments: &Value) -> Option<Value> {
        without_nulls(self.find(name)?.parameters(), arguments)
    }
}

/// What checks values by a schema.
pub(crate) struct Validator {
    schema: Value,
    fits: Fits,
    compiled: OnceLock<Result<Compiled, String>>,
}

struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

/// Where a schema stands that boon takes for well-formed, as it does with all at this host. Anywhere
/// else it reads and compiles the schemas of the schemas of every draft before it compiles the
/// first: 4 MB and 5 ms.
const TRUSTED: &str = "schema://json-schema.org/";

impl Validator {
    /// What checks by `schema`; or what is wrong with that.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        Self::named("answer:///", schema)
    }

    /// The same, by the location that is told when something is wrong.
    ///
    /// What is certainly a schema is compiled when the first value comes that may not fit: of most
    /// tools none does.
    fn named(location: &str, schema: &Value) -> Result<Self, String> {
        let compiled = if is_plain(schema) {
            OnceLock::new()
        } else {
            OnceLock::from(Ok(compile(location, schema)?))
        };
        Ok(Self { schema: schema.clone(), fits: Fits::new(schema), compiled })
    }

    /// Whether `value` fits; if not, where not.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        if self.fits.takes(value) { Ok(()) } else { self.judge(value) }
    }

    fn judge(&self, value: &Value) -> Result<(), String> {
        let compiled = self.compiled.get_or_init(|| compile(TRUSTED, &self.schema));
        let Compiled { schemas, index } = compiled.as_ref().map_err(Clone::clone)?;
        schemas.validate(value, *index).map_err(|error| told(&error))
    }
}

fn compile(location: &str, schema: &Value) -> Result<Compiled, String> {
    let mut compiler = Compiler::new();
    // A schema may name only itself: it never reads a file.
    compiler.use_loader(Box::new(NoLoader));
    compiler.add_resource(location, schema.clone()).map_err(|error| format!("{error:#}"))?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(location, &mut schemas).map_err(|error| format!("{error:#}"))?;
    Ok(Compiled { schemas, index })
}

/// The arguments as a tool gets them: some models write `null` where there is nothing to tell it.
pub(crate) fn as_object(arguments: &Value) -> Cow<'_, Value> {
    if arguments.is_null() || arguments.as_str().is_some_and(|it| it.trim() == "null") {
        return Cow::Owned(Value::Object(serde_json::Map::new()));
    }
    Cow::Borrowed(arguments)
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tools.iter().map(Tool::name)).finish()
    }
}

/// The one of `names` that is spelled most like `name`, if any is at all alike.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |it: &str| strsim::normalized_damerau_levenshtein(name, it);
    names
        .into_iter()
        .map(|it| (it, alike(it)))
        .filter(|(_, score)| *score >= 0.5)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(it, _)| it)
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(format!("`{name}` can't be a tool's name; use 1 to 64 of a-z, A-Z, 0-9, `_` and `-`"))
}

fn validator(tool: &Tool) -> Result<Validator, String> {
    let name = tool.name();
    let validator = Validator::named(&format!("tool:///{name}"), tool.parameters())
        .map_err(|error| format!("the parameters of tool `{name}` are no JSON Schema: {error}"))?;
    match &tool.parameters()["type"] {
        Value::String(kind) if kind != "object" => Err(format!(
            "the parameters of tool `{name}` are not an object; put them into one, a property each"
        )),
        _ => Ok(validator),
    }
}

struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("it refers to {url}; put that part into the schema itself").into())
    }
}

fn unknown(name: &str, mut active: Vec<&str>) -> String {
    active.sort_unstable();
    let hint = match nearest(name, active.iter().copied()) {
        Some(near) => format!(" Did you mean `{near}`?"),
        None => String::new(),
    };
    if active.is_empty() {
        return format!(
            "There is no tool named `{name}`, and none may be called now. Answer without."
        );
    }
    let list = active.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    format!("There is no tool named `{name}` to call now.{hint} You can call: {list}.")
}

fn not_json(name: &str, raw: &str) -> String {
    match serde_json::from_str::<Value>(raw) {
        Err(error) => format!(
            "The arguments of `{name}` are not valid JSON or were cut off: {error}. \
             Call it again with one complete JSON object."
        ),
        Ok(_) => {
            format!("The arguments of `{name}` must be a JSON object. Call it again with one.")
        }
    }
}

/// What is wrong with the first few is enough to mend the rest, and what a model is told costs tokens.
const MISFITS_TOLD: usize = 8;

fn misfit(name: &str, misfits: &str) -> String {
    format!(
        "The arguments of `{name}` do not fit its schema: {misfits}. Call it again with arguments that do."
    )
}

fn told(error: &boon::ValidationError<'_, '_>) -> String {
    let mut leaves = Vec::new();
    collect_leaves(error, &mut leaves);
    let more = match leaves.len().saturating_sub(MISFITS_TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    leaves.truncate(MISFITS_TOLD);
    leaves.join("; ") + &more
}

fn collect_leaves(error: &boon::ValidationError<'_, '_>, leaves: &mut Vec<String>) {
    if !error.causes.is_empty() {
        for cause in &error.causes {
            collect_leaves(cause, leaves);
        }
        return;
    }
    let path = error.instance_location.to_string();
    let at = if path.is_empty() { "at the top".to_owned() } else { format!("at `{path}`") };
    let (_, keyword) = error.schema_url.rsplit_once('#').unwrap_or_default();
    let kind = &error.kind;
    leaves.push(match keyword {
        "" => format!("{at}: {kind}"),
        keyword => format!("{at}: {kind} (schema `{keyword}`)"),
    });
}

#[cfg(test)]
mod tests;
