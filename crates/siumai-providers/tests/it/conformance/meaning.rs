//! What a request means: who says what, what is called with which arguments, what is on offer.
use serde_json::{Map, Value, json};

use super::{
    differences::{Difference, compare},
    wires::Wire,
};

/// What differs in meaning between a request that we send and the recorded one.
pub(super) fn check(wire: &dyn Wire, ours: &Value, recorded: &Value) -> Vec<Difference> {
    let (mut ours, recorded) = (meaning(wire, ours), meaning(wire, recorded));
    // A client may send back less than it was told, such as no thinking; what it sends of a
    // kind it sends whole.
    let kinds: Vec<_> = turns(&recorded).iter().filter_map(kind_of_told).collect();
    if let Some(Value::Array(turns)) = ours.get_mut("turns") {
        turns.retain(|turn| kind_of_told(turn).is_none_or(|kind| kinds.contains(&kind)));
        *turns = joined(std::mem::take(turns));
    }
    compare(&ours, &recorded)
}

fn meaning(wire: &dyn Wire, request: &Value) -> Map<String, Value> {
    let system = wire.system(request).into_iter().filter(|text| !text.is_empty());
    let mut tools: Vec<_> = wire
        .functions(request)
        .into_iter()
        .map(|it| json!({ "name": it.name, "description": it.description, "schema": it.schema }))
        .collect();
    tools.sort_by_key(|tool| tool["name"].to_string());
    // One recorder says what is on offer once more when there is more.
    tools.dedup();
    let fields = [
        ("model", request["model"].clone()),
        ("system", system.collect()),
        ("turns", joined(wire.turns(request)).into()),
        ("tools", tools.into()),
        ("tool_choice", json!(wire.tool_choice(request))),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Texts of one side in a row are one text, and no text says nothing.
fn joined(turns: Vec<Value>) -> Vec<Value> {
    let mut joined: Vec<Value> = Vec::new();
    for turn in turns {
        let is_text = |it: &Value| it["text"].is_string() && it.get("signature").is_none();
        if is_text(&turn) && turn["text"] == "" {
            continue;
        }
        match joined.last_mut() {
            Some(last) if is_text(last) && is_text(&turn) && last["role"] == turn["role"] => {
                let texts = [last["text"].as_str().unwrap(), turn["text"].as_str().unwrap()];
                last["text"] = texts.concat().into();
            }
            _ => joined.push(turn),
        }
    }
    joined
}

/// Which kind of thing it is that the model was not told by the user or a tool and did not
/// say to them.
fn kind_of_told(turn: &Value) -> Option<String> {
    const KINDS: [&str; 3] = ["thought", "signed thought", "done by the provider"];
    let kind = KINDS.iter().find(|kind| turn.get(**kind).is_some())?;
    // What a provider did itself has kinds of its own.
    Some(match turn[*kind].as_str().filter(|_| *kind == "done by the provider") {
        Some(name) => name.to_owned(),
        None => (*kind).to_owned(),
    })
}

fn turns(meaning: &Map<String, Value>) -> &[Value] {
    meaning["turns"].as_array().map_or(&[], Vec::as_slice)
}
