//! Which values certainly fit a schema, by the keywords that those of most tools are made of: nearly
//! all calls are well-formed, and of them nobody has to be told anything.
use std::ptr;

use serde_json::{Map, Value};

/// Deeper schemas and values are left to whoever knows all keywords.
const LEVELS: usize = 64;

/// So are values that take longer: a schema may come from anywhere, and have two ways at each level.
const PARTS: usize = 10_000;

/// A schema, read once: what it says that any value can be held against.
#[derive(Debug)]
pub(super) struct Fits(Vec<Part>);

/// What a part of the schema asks for, all of it; nothing if that can't be told here.
type Part = Option<Vec<Rule>>;

#[derive(Debug)]
enum Rule {
    /// A value of one of these types.
    Type(Vec<Type>),
    /// One of these values.
    OneOf(Vec<Value>),
    /// At least this, if it is a number.
    AtLeast(Value),
    /// At most this, if it is a number.
    AtMost(Value),
    /// What any of these parts takes.
    Any(Vec<usize>),
    /// What this part takes.
    Also(usize),
    /// A list of what this part takes, if it is a list.
    Items(usize),
    Fields(Fields),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    Null,
}

/// What is asked of the fields of a value, if it is an object.
#[derive(Debug, Default)]
struct Fields {
    /// By name.
    named: Vec<Named>,
    /// The part for fields that have none.
    others: Option<usize>,
}

#[derive(Debug)]
struct Named {
    name: String,
    part: Option<usize>,
    is_required: bool,
}

impl Fits {
    /// Reads `schema`, which is well-formed.
    pub(super) fn new(schema: &Value) -> Self {
        let (parts, definitions) = (Vec::new(), vec![(schema, 0)]);
        let mut reader = Reader { root: schema, parts, definitions };
        reader.part(schema, LEVELS);
        Self(reader.parts)
    }

    /// Whether `value` certainly fits. Of any other, which may fit as well, it says `false`.
    pub(super) fn takes(&self, value: &Value) -> bool {
        self.part_takes(0, value, LEVELS, &mut PARTS.clone())
    }

    fn part_takes(&self, part: usize, value: &Value, levels: usize, left: &mut usize) -> bool {
        let (Some(levels), Some(fewer)) = (levels.checked_sub(1), left.checked_sub(1)) else {
            return false;
        };
        *left = fewer;
        let mut takes = |part: &usize, value: &Value| self.part_takes(*part, value, levels, left);
        let Some(rules) = &self.0[part] else { return false };
        rules.iter().all(|rule| match rule {
            Rule::Type(types) => types.iter().any(|it| it.takes(value)),
            Rule::OneOf(values) => values.contains(value),
            Rule::AtLeast(least) => !value.is_number() || is_at_least(value, least),
            Rule::AtMost(most) => !value.is_number() || is_at_least(most, value),
            Rule::Any(parts) => parts.iter().any(|it| takes(it, value)),
            Rule::Also(part) => takes(part, value),
            Rule::Items(part) => match value {
                Value::Array(items) => items.iter().all(|it| takes(part, it)),
                _ => true,
            },
            Rule::Fields(fields) => match value {
                Value::Object(values) => fields.take(values, &mut takes),
                _ => true,
            },
        })
    }
}

impl Fields {
    fn take(
        &self,
        values: &Map<String, Value>,
        mut takes: impl FnMut(&usize, &Value) -> bool,
    ) -> bool {
        let mut missing = self.named.iter().filter(|it| it.is_required).count();
        let do_all_fit = values.iter().all(|(name, value)| {
            let named = self.place(name).ok().map(|at| &self.named[at]);
            missing -= usize::from(named.is_some_and(|it| it.is_required));
            let part = named.and_then(|it| it.part.as_ref()).or(self.others.as_ref());
            part.is_none_or(|it| takes(it, value))
        });
        do_all_fit && missing == 0
    }

    fn named(&mut self, name: &str) -> &mut Named {
        let at = self.place(name).unwrap_or_else(|at| {
            let named = Named { name: name.to_owned(), part: None, is_required: false };
            self.named.insert(at, named);
            at
        });
        &mut self.named[at]
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.named.binary_search_by(|it| it.name.as_str().cmp(name))
    }
}

/// Reads a schema.
struct Reader<'a> {
    root: &'a Value,
    parts: Vec<Part>,
    /// The parts that are referred to, and their numbers.
    definitions: Vec<(&'a Value, usize)>,
}

impl<'a> Reader<'a> {
    /// Reads a part of the schema; its number.
    fn part(&mut self, schema: &'a Value, levels: usize) -> usize {
        let at = self.parts.len();
        self.parts.push(None);
        self.parts[at] = levels.checked_sub(1).and_then(|levels| self.rules(schema, levels));
        at
    }

    fn rules(&mut self, schema: &'a Value, levels: usize) -> Part {
        let keywords = match schema {
            Value::Bool(true) => return Some(Vec::new()),
            Value::Object(keywords) => keywords,
            _ => return None,
        };
        let (mut rules, mut asks_of_fields) = (Vec::new(), false);
        for (keyword, wanted) in keywords {
            rules.push(match keyword.as_str() {
                "title" | "description" | "default" | "examples" | "deprecated" | "readOnly"
                | "writeOnly" | "$comment" | "$defs" | "definitions" => continue,
                // No more than a note, unless the schema is of an older draft than it is taken for.
                "format" if self.root.get("$schema").is_none() => continue,
                "$schema" if ptr::eq(schema, self.root) => continue,
                "properties" | "required" | "additionalProperties" => {
                    asks_of_fields = true;
                    continue;
                }
                "$ref" => Rule::Also(self.definition(wanted, levels)?),
                "type" => Rule::Type(types(wanted)?),
                "const" => Rule::OneOf(vec![wanted.clone()]),
                "enum" => Rule::OneOf(wanted.as_array()?.clone()),
                "anyOf" => {
                    let ways = wanted.as_array()?.iter();
                    Rule::Any(ways.map(|it| self.part(it, levels)).collect())
                }
                "minimum" => Rule::AtLeast(wanted.clone()),
                "maximum" => Rule::AtMost(wanted.clone()),
                "items" => Rule::Items(self.part(wanted, levels)),
                _ => return None,
            });
        }
        if asks_of_fields {
            rules.push(Rule::Fields(self.fields(keywords, levels)));
        }
        Some(rules)
    }

    fn fields(&mut self, keywords: &'a Map<String, Value>, levels: usize) -> Fields {
        let mut fields = Fields::default();
        let properties = keywords.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            fields.named(name).part = Some(self.part(schema, levels));
        }
        let required = keywords.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            fields.named(name).is_required = true;
        }
        fields.others = keywords.get("additionalProperties").map(|it| self.part(it, levels));
        fields
    }

    fn definition(&mut self, reference: &Value, levels: usize) -> Option<usize> {
        let definition = self.root.pointer(reference.as_str()?.strip_prefix('#')?)?;
        let known = self.definitions.iter().find(|(it, _)| ptr::eq(*it, definition));
        if let Some((_, at)) = known {
            return Some(*at);
        }
        self.definitions.push((definition, self.parts.len()));
        Some(self.part(definition, levels))
    }
}

fn types(wanted: &Value) -> Option<Vec<Type>> {
    match wanted {
        Value::Array(names) => names.iter().map(Type::of).collect(),
        name => Some(vec![Type::of(name)?]),
    }
}

impl Type {
    fn of(name: &Value) -> Option<Self> {
        Some(match name.as_str()? {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "null" => Self::Null,
            _ => return None,
        })
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}

/// Whether `value` is at least `least`, as far as both are usual whole numbers.
fn is_at_least(value: &Value, least: &Value) -> bool {
    match (value.as_i64(), least.as_i64()) {
        (Some(value), Some(least)) => value >= least,
        _ => false,
    }
}
