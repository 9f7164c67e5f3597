//! What is told, held against the lists of the conventions.
use std::collections::BTreeSet;

use serde_json::Value;
use siumai_otel::Conventions;

use crate::fixtures::{SURFACES, Told, model, observe, options, resolver};

/// What the conventions list, by edition: each span and metric with what it must and may have.
const CONVENTIONS: &str = include_str!("conventions.json");

#[tokio::test(start_paused = true)]
async fn all_that_is_told_is_in_the_conventions_and_all_they_require_is_told() {
    let lists: Value = serde_json::from_str(CONVENTIONS).unwrap();
    for (edition, conventions) in [("1.41", Conventions::V1_41), ("newest", Conventions::Newest)] {
        let list = &lists[edition];
        for surface in SURFACES {
            let run = async { surface.run(&model(), &resolver(), options(true)).await };
            let (output, told) = observe(conventions, run).await;
            output.unwrap();
            check_spans(&told, &list["spans"]);
            check_metrics(&told, &list["metrics"]);
        }
    }
}

fn check_spans(told: &Told, list: &Value) {
    let mut seen = BTreeSet::new();
    for span in &told.spans {
        let operation = span["name"].as_str().unwrap().split(' ').next().unwrap();
        let listed = &list[operation];
        assert_eq!(span["kind"], listed["kind"], "{operation}");
        check(operation, &span["attributes"], listed);
        seen.insert(operation);
    }
    assert_eq!(seen, keys(list));
}

fn check_metrics(told: &Told, list: &Value) {
    let streamed = told.metrics.iter().any(|it| is_streamed(&it["name"]));
    let mut seen = BTreeSet::new();
    for metric in &told.metrics {
        let name = metric["name"].as_str().unwrap();
        let listed = &list[name];
        assert_eq!(metric["unit"], listed["unit"], "{name}");
        for point in metric["points"].as_array().unwrap() {
            check(name, &point["of"], listed);
        }
        seen.insert(name);
    }
    let mut wanted = keys(list);
    wanted.retain(|it| streamed || !it.ends_with("time_to_first_chunk"));
    assert_eq!(seen, wanted);
}

fn is_streamed(name: &Value) -> bool {
    name.as_str().unwrap().ends_with("time_to_first_chunk")
}

fn check(what: &str, attributes: &Value, listed: &Value) {
    let told = keys(attributes);
    let names = |of: &str| -> BTreeSet<&str> {
        listed[of].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
    };
    let (must, may) = (names("must"), names("may"));
    let missing: Vec<_> = must.difference(&told).collect();
    assert!(missing.is_empty(), "{what} lacks {missing:?}");
    let unknown: Vec<_> =
        told.iter().filter(|it| !must.contains(*it) && !may.contains(*it)).collect();
    // What is this project's own has its prefix.
    assert!(unknown.iter().all(|it| it.starts_with("siumai.")), "{what} has {unknown:?}");
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}
