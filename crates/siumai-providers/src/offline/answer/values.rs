//! JSON values in words: short ones in a line, objects and arrays as lists.
use serde_json::{Map, Value};

/// The text of a result for another tool: that of an object is in the field that is named so.
pub(in crate::offline) fn text_of(output: &Value) -> String {
    const NAMES: [&str; 9] = [
        "text",
        "content",
        "body",
        "result",
        "answer",
        "summary",
        "translation",
        "output",
        "message",
    ];
    let named = NAMES.iter().find_map(|it| output.get(it)?.as_str());
    named.map_or_else(|| plain(output), str::to_owned)
}

/// A result as text, with all that is in it.
pub(in crate::offline) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => {
            let lines: Vec<String> = items.iter().map(|it| inline(it, 0)).collect();
            lines.join("\n")
        }
        other => inline(other, 0),
    }
}

/// What tells a call from the others: its arguments, or else the tool's name.
pub(super) fn title(name: &str, arguments: &Value) -> String {
    const MOST_LETTERS: usize = 48;
    const MOST_ARGUMENTS: usize = 3;
    let values = arguments.as_object().into_iter().flat_map(Map::values);
    let scalars: Vec<String> =
        values.filter(|it| it.is_string() || it.is_number()).map(|it| inline(it, 0)).collect();
    let short =
        scalars.into_iter().filter(|it| !it.is_empty() && !it.contains('\n')).take(MOST_ARGUMENTS);
    let joined = short.collect::<Vec<_>>().join(", ");
    let is_short = !joined.is_empty() && joined.chars().count() <= MOST_LETTERS;
    if is_short { format!("**{joined}**") } else { format!("**{}**", spaced(name)) }
}

/// What a tool returned, under its title; `None` if there is nothing to say.
pub(super) fn shown(title: &str, arguments: &Value, output: &Value) -> Option<String> {
    let output = without_echo(output, arguments);
    if let Some(answer) = equation(arguments, &output) {
        return Some(answer);
    }
    match &output {
        Value::Object(fields) if fields.is_empty() => None,
        Value::Null => Some(format!("{title}: done, without a result")),
        Value::String(text) if text.trim().is_empty() => Some(format!("{title}: it is empty")),
        Value::String(text) if text.trim().contains('\n') => {
            Some(long_text(title, arguments, text))
        }
        Value::Array(items) if items.is_empty() => Some(format!("{title}: nothing found")),
        Value::Array(items) => Some(format!("{title}:\n\n{}", bullets(items))),
        Value::Object(fields) => Some(object(title, arguments, fields)),
        scalar => Some(format!("{title}: {}", inline(scalar, 0))),
    }
}

/// An object: in a line if it is short; what is long in it stands by itself.
fn object(title: &str, arguments: &Value, fields: &Map<String, Value>) -> String {
    let is_main = |value: &Value| match value {
        Value::String(text) => text.trim().contains('\n'),
        Value::Array(items) => items.iter().any(Value::is_object),
        _ => false,
    };
    let mut main = fields.iter().filter(|(_, value)| is_main(value));
    if let (Some((name, value)), None) = (main.next(), main.next()) {
        let rest = fields.iter().filter(|(key, _)| *key != name);
        let rest: Map<String, Value> =
            rest.map(|(key, value)| (key.clone(), value.clone())).collect();
        let title = if rest.is_empty() {
            title.to_owned()
        } else {
            format!("{title} ({})", inline_fields(&rest, 0))
        };
        return match value {
            Value::String(text) => long_text(&title, arguments, text),
            Value::Array(items) => format!("{title}:\n\n{}", bullets(items)),
            _ => title,
        };
    }
    if is_long(fields) {
        return format!("{title}:\n\n{}", field_list(fields, 0));
    }
    format!("{title}: {}", inline_fields(fields, 0))
}

/// An object without the fields that are empty or only repeat the arguments; one field alone with a
/// list or a longer text stands for all.
fn without_echo(output: &Value, arguments: &Value) -> Value {
    let Value::Object(fields) = output else { return output.clone() };
    let is_empty = |value: &Value| value.as_str().is_some_and(str::is_empty) || value.is_null();
    let is_news = |key: &str, value: &Value| !is_empty(value) && arguments.get(key) != Some(value);
    let told = fields.iter().filter(|(key, value)| is_news(key, value));
    let told: Map<String, Value> = told.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut values = told.values();
    match (values.next(), values.next()) {
        (None, _) => output.clone(),
        (Some(only @ Value::Array(_)), None) => only.clone(),
        (Some(only @ Value::String(text)), None) if text.contains(char::is_whitespace) => {
            only.clone()
        }
        _ => Value::Object(told),
    }
}

/// `2 + 3 = 5`, where an expression was worked out.
fn equation(arguments: &Value, output: &Value) -> Option<String> {
    let arguments = arguments.as_object()?;
    let (key, expression) = arguments.iter().next().filter(|_| arguments.len() == 1)?;
    let is_expression =
        ["expression", "expr", "formula", "equation", "calculation"].contains(&key.as_str());
    let result = match output {
        Value::Object(fields) if fields.len() == 1 => fields.values().next()?,
        other => other,
    };
    let is_scalar = result.is_number() || result.as_str().is_some_and(|it| !it.contains('\n'));
    (is_expression && is_scalar)
        .then(|| format!("{} = {}", inline(expression, 0), inline(result, 0)))
}

/// A text of several lines: what was read from a file stands as it is.
fn long_text(title: &str, arguments: &Value, text: &str) -> String {
    const MOST_BYTES: usize = 8_000;
    let end =
        (0..=MOST_BYTES.min(text.len())).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0);
    let (kept, rest) = text.split_at(end);
    let cut =
        if rest.is_empty() { String::new() } else { format!("\n\n({} more bytes)", rest.len()) };
    let is_file =
        ["path", "file", "filename", "file_path"].iter().any(|it| arguments.get(it).is_some());
    if !is_file {
        return format!("{title}:\n\n{}{cut}", kept.trim_end());
    }
    let mut fence = "```".to_owned();
    while kept.contains(&fence) {
        fence.push('`');
    }
    format!("{title}:\n\n{fence}\n{}\n{fence}{cut}", kept.trim_end())
}

fn bullets(items: &[Value]) -> String {
    const MOST_ITEMS: usize = 30;
    let mut lines: Vec<String> =
        items.iter().take(MOST_ITEMS).map(|it| format!("- {}", item(it))).collect();
    if items.len() > MOST_ITEMS {
        lines.push(format!("- … and {} more", items.len() - MOST_ITEMS));
    }
    lines.join("\n")
}

/// An item of a list; an object begins with what it is called.
fn item(value: &Value) -> String {
    let Value::Object(fields) = value else { return inline(value, 0) };
    let name = ["name", "title", "path", "id"]
        .iter()
        .find_map(|it| Some((*it, fields.get(*it)?.as_str()?)));
    let Some((key, name)) = name.filter(|_| fields.len() > 1) else {
        return inline_fields(fields, 0);
    };
    let rest = fields.iter().filter(|(it, _)| it.as_str() != key);
    let rest: Map<String, Value> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
    format!("**{}**: {}", one_line(name), inline_fields(&rest, 0))
}

fn is_long(fields: &Map<String, Value>) -> bool {
    const MOST_FIELDS: usize = 4;
    const MOST_LETTERS: usize = 160;
    fields.len() > MOST_FIELDS
        || fields.values().any(|it| it.is_array() || it.is_object())
        || inline_fields(fields, 0).chars().count() > MOST_LETTERS
}

fn field_list(fields: &Map<String, Value>, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let line = |(key, value): (&String, &Value)| match value {
        Value::Object(inner) if !inner.is_empty() && depth < 2 => {
            format!("{indent}- {}:\n{}", spaced(key), field_list(inner, depth + 1))
        }
        value => format!("{indent}- {}: {}", spaced(key), inline(value, 0)),
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn inline_fields(fields: &Map<String, Value>, depth: usize) -> String {
    let field =
        |(key, value): (&String, &Value)| format!("{}: {}", spaced(key), inline(value, depth + 1));
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

/// Any value in one line.
fn inline(value: &Value, depth: usize) -> String {
    const MAX_DEPTH: usize = 4;
    const MOST_ITEMS: usize = 12;
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => one_line(text),
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => "…".to_owned(),
        Value::Array(items) => {
            let shown: Vec<String> =
                items.iter().take(MOST_ITEMS).map(|it| inline(it, depth + 1)).collect();
            let more = if items.len() > MOST_ITEMS { ", …" } else { "" };
            format!("{}{more}", shown.join(", "))
        }
        Value::Object(fields) if depth == 0 => inline_fields(fields, depth),
        Value::Object(fields) => format!("({})", inline_fields(fields, depth)),
    }
}

fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `wind_speed` and `windSpeed` in words.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        let begins_word = letter.is_uppercase() && after_lower;
        if begins_word {
            words.push(' ');
        }
        after_lower = letter.is_lowercase() || letter.is_numeric();
        match letter {
            '_' | '-' => words.push(' '),
            letter if begins_word => words.extend(letter.to_lowercase()),
            letter => words.push(letter),
        }
    }
    words
}
