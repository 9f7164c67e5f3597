//! References, replaced by what they refer to.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::with_schemas;

/// How large a schema may grow, in schemas; one that would grow larger keeps its references.
const MOST_SCHEMAS: usize = 10_000;

/// `schema` with what its references refer to in their place. Those that come back to where they
/// are stay, to definitions under `$defs`.
pub(super) fn inlined(schema: &Value) -> Value {
    let mut inliner =
        Inliner { root: schema, open: Vec::new(), kept: BTreeMap::new(), left: MOST_SCHEMAS };
    let Value::Object(mut words) = inliner.inline(schema) else { return schema.clone() };
    let mut definitions = Map::new();
    while let Some((reference, name)) =
        inliner.kept.iter().find(|(_, name)| !definitions.contains_key(*name))
    {
        let (reference, name) = (*reference, name.clone());
        inliner.open.push(reference);
        let target = inliner.target(reference).unwrap_or(&Value::Null);
        let definition = inliner.inline(target);
        inliner.open.pop();
        definitions.insert(name, definition);
    }
    if inliner.left == 0 {
        return schema.clone();
    }
    if !definitions.is_empty() {
        words.insert("$defs".to_owned(), definitions.into());
    }
    words.into()
}

/// Whether a schema refers to others.
pub(super) fn has_references(schema: &Value) -> bool {
    let Value::Object(words) = schema else { return false };
    let mut found = words.get("$ref").is_some_and(Value::is_string);
    with_schemas(words, |it| {
        found |= has_references(it);
        Value::Null
    });
    found
}

struct Inliner<'a> {
    root: &'a Value,
    /// What is being put in place of a reference just now.
    open: Vec<&'a str>,
    /// References that come back, with the names of their definitions.
    kept: BTreeMap<&'a str, String>,
    /// How many schemas may still be written.
    left: usize,
}

impl<'a> Inliner<'a> {
    fn inline(&mut self, schema: &'a Value) -> Value {
        let Value::Object(words) = schema else { return schema.clone() };
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return Value::Null;
        }
        let reference = words.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|it| Some((it, self.target(it)?)));
        let mut inlined = with_schemas(words, |it| self.inline(it));
        inlined.retain(|word, _| word != "$defs" && word != "definitions");
        let Some((reference, target)) = target else { return inlined.into() };
        if reference == "#" || self.open.contains(&reference) {
            let name = self.name(reference);
            inlined.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            return inlined.into();
        }
        self.open.push(reference);
        let target = self.inline(target);
        self.open.pop();
        let Value::Object(mut target) = target else { return target };
        inlined.remove("$ref");
        target.extend(inlined);
        target.into()
    }

    fn target(&self, reference: &str) -> Option<&'a Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// What the definition is called that `reference` refers to.
    fn name(&mut self, reference: &'a str) -> String {
        if let Some(name) = self.kept.get(reference) {
            return name.clone();
        }
        let last = reference.rsplit('/').next().filter(|it| *it != "#").unwrap_or("arguments");
        let is_taken = |name: &str| self.kept.values().any(|it| it == name);
        let mut name = last.to_owned();
        while is_taken(&name) {
            name.push('_');
        }
        self.kept.insert(reference, name.clone());
        name
    }
}

#[cfg(test)]
mod tests;
