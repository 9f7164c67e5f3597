//! Recorded answers that are read differently on purpose: which facts, and why.
use serde_json::Value;

/// Takes out of `wrong` what is listed for the case `id`. A listed fact that is read as it was
/// recorded is wrong too: its reason is gone.
pub(crate) fn apart_from_listed(id: &str, wrong: Vec<String>) -> Vec<String> {
    let listed: Value = serde_json::from_str(include_str!("differences.json")).unwrap();
    let facts = listed[id]["facts"].as_array().cloned().unwrap_or_default();
    let is_about =
        |it: &String, fact: &Value| it.starts_with(&format!("{}:", fact.as_str().unwrap()));
    let gone = facts.iter().filter(|fact| !wrong.iter().any(|it| is_about(it, fact)));
    let gone: Vec<_> =
        gone.map(|fact| format!("{fact} is listed as a difference and is none")).collect();
    let others = wrong.into_iter().filter(|it| !facts.iter().any(|fact| is_about(it, fact)));
    others.chain(gone).collect()
}
