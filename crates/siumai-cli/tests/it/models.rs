//! Which model is taken, and what is said of it.
use serde_json::json;

use crate::support::{Answer, Place, Server};

fn list(names: &[&str]) -> Answer {
    let models: Vec<_> = names.iter().map(|it| json!({ "id": it })).collect();
    Answer::json(200, &json!({ "object": "list", "data": models }))
}

#[test]
fn without_anything_the_offline_model_is_taken_and_said_so() {
    let seen = Place::new().run(&["what is 6*7"]);
    let expected = "model: offline (no key is set and no model server runs on this machine; set \
                    OPENAI_API_KEY, start Ollama, or use --model)\n";
    assert!(seen.err.starts_with(expected), "{}", seen.err);
}

#[test]
fn a_base_url_alone_takes_the_first_model_of_its_server() {
    let server = Server::new([list(&["text-embed", "tiny"]), Answer::words(&["Hi."])]);
    let seen = Place::new().run(&["--base-url", &server.url(), "hello"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Hi.\n"));
    let expected = format!("model: openai:tiny at {} (--base-url is given)\n", server.url());
    assert!(seen.err.starts_with(&expected), "{}", seen.err);
    assert_eq!(server.requests()[1]["model"], "tiny");
}

#[test]
fn ollama_is_asked_where_its_own_variable_says() {
    let server = Server::new([list(&["llama3.2", "qwen3"]), Answer::words(&["Hi."])]);
    let seen = Place::new().set("OLLAMA_HOST", server.host()).run(&["-m", "ollama", "hello"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Hi.\n"));
    assert!(seen.err.starts_with("model: ollama:llama3.2\n"), "{}", seen.err);
}

#[test]
fn a_model_elsewhere_is_asked_through_the_proxy_that_the_environment_names() {
    let proxy = Server::new([Answer::words(&["Hi."])]);
    let place = Place::new()
        .set("http_proxy", format!("http://{}", proxy.host()))
        .set("no_proxy", "")
        .set("OPENAI_BASE_URL", "http://model.invalid/v1")
        .set("OPENAI_API_KEY", "sk-canary");
    let seen = place.run(&["-m", "openai:tiny", "hello"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Hi.\n"), "{}", seen.err);
    assert_eq!(proxy.requests()[0]["model"], "tiny");
}

#[test]
fn a_model_on_this_machine_is_asked_through_no_proxy() {
    let server = Server::new([Answer::words(&["Hi."])]);
    // Nothing listens there.
    let place = Place::with(&server).set("http_proxy", "http://127.0.0.1:9").set("no_proxy", "");
    let seen = place.run(&["-m", "openai:tiny", "hello"]);
    assert_eq!((seen.code, &*seen.out), (Some(0), "Hi.\n"), "{}", seen.err);
}

#[test]
fn the_variable_of_the_model_counts_unless_one_is_given() {
    let place = || Place::new().set("SIUMAI_MODEL", "openia:x");
    let seen = place().run(&["hello"]);
    assert_eq!(seen.code, Some(2));
    assert!(
        seen.err.contains("no provider named `openia`; did you mean `openai`?"),
        "{}",
        seen.err
    );
    assert_eq!(place().run(&["-m", "offline", "what is 6*7"]).code, Some(0));
}

#[test]
fn the_models_are_listed_with_what_they_need() {
    let seen = Place::new().run(&["models"]);
    assert_eq!(seen.code, Some(0));
    let names: Vec<_> = seen.out.lines().filter_map(|it| it.split_whitespace().next()).collect();
    assert_eq!(names, ["auto", "offline", "openai:NAME", "ollama:NAME", "others"]);
    assert!(seen.out.contains("needs OPENAI_API_KEY"), "{}", seen.out);
    let seen = Place::new().set("OPENAI_API_KEY", "sk-canary").run(&["models"]);
    assert!(
        seen.out.contains("auto         takes openai:gpt-4.1-mini (OPENAI_API_KEY is set)"),
        "{}",
        seen.out
    );
    assert!(!seen.out.contains("canary"));
}

#[test]
fn a_missing_key_of_any_provider_is_named_by_its_variable() {
    let seen = Place::new().run(&["run", "-m", "anthropic:claude-x", "hi"]);
    assert_eq!(seen.code, Some(2));
    let told = "no key for anthropic:claude-x; set ANTHROPIC_API_KEY, or use --model offline";
    assert!(seen.err.contains(told), "{}", seen.err);
}
