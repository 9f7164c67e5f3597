//! A tool's JSON Schema as slots to fill: what each is called, what it takes and what it means.
#[cfg(test)]
mod tests;

use boon::{Compiler, Schemas, UrlLoader};
use serde_json::{Map, Value};
use siumai_core::types::Tool;

use super::words::{self, Stem};

/// One parameter of a tool.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pub(super) name: &'a str,
    /// The stems of the name.
    pub(super) words: Vec<Stem>,
    /// The stems of the description.
    described: Vec<Stem>,
    /// The stems of what it can be chosen from.
    options: Vec<Stem>,
    /// The words of name and description, in lower case.
    said: Vec<String>,
    pub(super) description: &'a str,
    pub(super) shape: Shape<'a>,
    pub(super) meaning: Meaning,
    pub(super) role: Role,
    pub(super) required: bool,
    pub(super) default: Option<&'a Value>,
    /// Whether only an ISO 8601 date will do.
    pub(super) is_iso: bool,
    limits: (Option<f64>, Option<f64>),
}

/// What JSON a slot takes.
#[derive(Debug)]
pub(super) enum Shape<'a> {
    Text,
    Number { whole: bool },
    Flag,
    Choice(Vec<&'a Value>),
    List(Box<Slot<'a>>),
    Record(Vec<Slot<'a>>),
    Anything,
}

/// What the text of a slot is about. Earlier ones are taken from a task first: they are harder to mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    Expression,
    Url,
    Email,
    Unit,
    Path,
    Date,
    Time,
    Zone,
    Currency,
    Language,
    Symbol,
    Identifier,
    Place,
    Pattern,
    Title,
    Person,
    Other,
    Code,
    Command,
    Prose,
    Query,
    /// What the final answer of a run is passed in.
    Answer,
}

/// Which of two of a kind a slot wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Target,
    Any,
}

/// The slots of a tool, in the order of its schema.
pub(super) fn slots(tool: &Tool) -> Vec<Slot<'_>> {
    let root = tool.parameters();
    record(root, root, 0)
}

/// Whether `arguments` are what the tool's schema asks for.
pub(super) fn fits(tool: &Tool, arguments: &Map<String, Value>) -> bool {
    const PLACE: &str = "tool:///parameters.json";
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Nothing));
    let mut schemas = Schemas::new();
    if compiler.add_resource(PLACE, tool.parameters().clone()).is_err() {
        return false;
    }
    let Ok(index) = compiler.compile(PLACE, &mut schemas) else { return false };
    schemas.validate(&Value::Object(arguments.clone()), index).is_ok()
}

/// A schema may only refer to itself: nothing is read from files or the network.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, url: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err(format!("the schema refers to `{url}`, which is not part of it").into())
    }
}

impl Slot<'_> {
    pub(super) fn allows(&self, number: f64) -> bool {
        self.limits.0.is_none_or(|it| number >= it) && self.limits.1.is_none_or(|it| number <= it)
    }

    /// The least and the greatest number it takes, where the schema says so.
    pub(super) fn limits(&self) -> impl Iterator<Item = f64> {
        [self.limits.0, self.limits.1].into_iter().flatten()
    }

    /// Whether a word of its name or description is like this one, and how much.
    pub(super) fn likeness(&self, stem: &Stem) -> f32 {
        let by_name = stem.nearest(&self.words).max(stem.nearest(&self.options));
        by_name.max(0.6 * stem.nearest(&self.described))
    }

    /// Whether its name or description has one of some words, parted by blanks.
    pub(super) fn mentions(&self, any_of: &str) -> bool {
        words::any_of(any_of, &self.said)
    }

    /// Whether its name has one of some words, parted by blanks.
    pub(super) fn is_named(&self, any_of: &str) -> bool {
        words::any_of(any_of, &words::words_of_name(self.name))
    }
}

fn record<'a>(schema: &'a Value, root: &'a Value, depth: usize) -> Vec<Slot<'a>> {
    // A schema may refer to itself, and grows with each level.
    const MAX_DEPTH: usize = 4;
    const ALL_UP_TO: usize = 2;
    const MOST: usize = 64;
    let properties = schema.get("properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|_| depth < MAX_DEPTH) else { return Vec::new() };
    let required: Vec<&str> = match schema.get("required").and_then(Value::as_array) {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    let slot = |(name, property): (&'a String, &'a Value)| {
        slot(name, property, root, depth).with_required(required.contains(&name.as_str()))
    };
    let is_needed = |name: &str| depth < ALL_UP_TO || required.contains(&name);
    properties.iter().filter(|(name, _)| is_needed(name)).take(MOST).map(slot).collect()
}

impl Slot<'_> {
    fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }
}

fn slot<'a>(name: &'a str, property: &'a Value, root: &'a Value, depth: usize) -> Slot<'a> {
    let schema = resolved(property, root);
    let text_of = |key| [property, schema].into_iter().find_map(|it| it.get(key)?.as_str());
    let description = text_of("description").unwrap_or("");
    let format = text_of("format").unwrap_or("");
    let named = words::words_of_name(name);
    let described = words::words_of_prose(description);
    let limit = |keys: [&str; 2]| keys.iter().find_map(|key| schema.get(key)?.as_f64());
    let is_iso = format.starts_with("date")
        || ["YYYY", "ISO", "RFC 3339", "yyyy-"].iter().any(|it| description.contains(it));
    let shape = shape(name, schema, root, depth);
    let options = match &shape {
        Shape::Choice(options) => options
            .iter()
            .filter_map(|it| it.as_str())
            .flat_map(words::words_of_name)
            .map(|it| Stem::new(&it))
            .collect(),
        _ => Vec::new(),
    };
    Slot {
        name,
        options,
        meaning: meaning(&named, &described, format),
        role: role(&named),
        shape,
        required: false,
        default: [property, schema].into_iter().find_map(|it| it.get("default")),
        limits: (limit(["minimum", "exclusiveMinimum"]), limit(["maximum", "exclusiveMaximum"])),
        words: words::stems(&named),
        described: words::stems(&described),
        said: named.into_iter().chain(described).collect(),
        description,
        is_iso,
    }
}

fn shape<'a>(name: &'a str, schema: &'a Value, root: &'a Value, depth: usize) -> Shape<'a> {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return Shape::Choice(options.iter().collect());
    }
    if let Some(only) = schema.get("const") {
        return Shape::Choice(vec![only]);
    }
    // Variants of an enumeration with their own descriptions come as alternatives of constants.
    if let Some(options) = alternatives(schema)
        .map(|all| all.iter().filter_map(|it| it.get("const")).collect::<Vec<_>>())
        && !options.is_empty()
    {
        return Shape::Choice(options);
    }
    match type_of(schema) {
        "string" => Shape::Text,
        "integer" => Shape::Number { whole: true },
        "number" => Shape::Number { whole: false },
        "boolean" => Shape::Flag,
        "array" if depth < 4 => match schema.get("items") {
            Some(items) => Shape::List(Box::new(slot(name, items, root, depth + 1))),
            None => Shape::Anything,
        },
        "object" => Shape::Record(record(schema, root, depth + 1)),
        _ => Shape::Anything,
    }
}

/// The schema behind references and optional wrappers.
fn resolved<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    const MAX_HOPS: usize = 8;
    for _ in 0..MAX_HOPS {
        let target = match schema.get("$ref").and_then(Value::as_str) {
            Some(place) => place.strip_prefix('#').and_then(|it| root.pointer(it)),
            None if schema.get("type").is_some() => None,
            None => {
                let mut variants = alternatives(schema).into_iter().flatten();
                variants.find(|it| type_of(it) != "null" && it.get("const").is_none())
            }
        };
        let Some(target) = target else { break };
        schema = target;
    }
    schema
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf", "allOf"].iter().find_map(|it| schema.get(it)?.as_array())
}

fn type_of(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|it| *it != "null")
        }
        _ => None,
    };
    let implied = || if schema.get("properties").is_some() { "object" } else { "" };
    named.unwrap_or_else(implied)
}

fn role(words: &[String]) -> Role {
    if words::any_of("from source origin start departure base sender", words) {
        Role::Source
    } else if words::any_of("to target destination dest end arrival into recipient", words) {
        Role::Target
    } else {
        Role::Any
    }
}

fn meaning(words: &[String], described: &[String], format: &str) -> Meaning {
    let by_format = match format {
        "uri" | "url" | "iri" => Some(Meaning::Url),
        "email" => Some(Meaning::Email),
        "date" | "date-time" => Some(Meaning::Date),
        "time" => Some(Meaning::Time),
        _ => None,
    };
    let is_any = words::any_of;
    let last = words.last().map(std::slice::from_ref).unwrap_or_default();
    let is_code = words.len() == 1
        && is_any("code", words)
        && !is_any(
            "coupon promo discount country postal zip area access verification airport booking",
            described,
        );
    let special = match () {
        () if is_any("zone timezone tz", words) => Some(Meaning::Zone),
        () if is_any("file folder directory", words) && is_any("name", last) => Some(Meaning::Path),
        () if is_any("kind type category style", last) => Some(Meaning::Other),
        () if is_any("address", words) && !is_any("email mail url page web", described) => {
            Some(Meaning::Query)
        }
        () if is_any("unit", words) => Some(Meaning::Unit),
        () if is_any("recipient", words) && !is_any("email mail address", described) => {
            Some(Meaning::Person)
        }
        () if is_code => Some(Meaning::Code),
        () if is_any("id identifier number reference", last) => Some(Meaning::Identifier),
        () => None,
    };
    let by_name = || MEANINGS.iter().find(|(_, names, _)| is_any(names, words)).map(|(it, ..)| *it);
    let by_description =
        || MEANINGS.iter().find(|(.., names)| is_any(names, described)).map(|(it, ..)| *it);
    let says_nothing =
        is_any("input value argument data string to from target source start end", words)
            && words.len() == 1;
    let general = if says_nothing {
        by_description().or_else(by_name)
    } else {
        by_name().or_else(by_description)
    };
    by_format.or(special).or(general).unwrap_or(Meaning::Other)
}

/// What a slot means by the words of its name, or else of its description.
const MEANINGS: &[(Meaning, &str, &str)] = &[
    (
        Meaning::Expression,
        "expression expr formula equation calculation math",
        "expression formula equation arithmetic",
    ),
    (Meaning::Zone, "timezone tz zone", "timezone zone iana"),
    (Meaning::Currency, "currency", "currency"),
    (Meaning::Language, "language lang locale", "language"),
    (Meaning::Email, "email mail recipient cc bcc", "email"),
    (Meaning::Url, "url uri link href website webpage", "url uri link webpage"),
    (Meaning::Path, "path file filename filepath folder directory dir", "path folder directory"),
    (Meaning::Date, "date day deadline birthday checkin checkout", "date"),
    (Meaning::Time, "time clock hour", ""),
    (Meaning::Symbol, "symbol ticker", "ticker symbol"),
    (Meaning::Identifier, "id identifier code reference", "id identifier"),
    (
        Meaning::Place,
        "city location place country town region airport destination origin station",
        "city place airport country location town",
    ),
    (Meaning::Code, "code script snippet", ""),
    (Meaning::Command, "command cmd", ""),
    (Meaning::Pattern, "pattern glob regex regexp", ""),
    (Meaning::Query, "query q search term keyword topic question", "search query question topic"),
    (Meaning::Title, "title subject label headline reason purpose", ""),
    (
        Meaning::Answer,
        "answer conclusion response report summary result output",
        "answer conclusion",
    ),
    (
        Meaning::Prose,
        "text content body message sentence note comment input prompt phrase description",
        "",
    ),
    (Meaning::Person, "name person contact user customer guest attendee author", ""),
];
