use super::*;

fn ollama_at(host: Option<&str>) -> String {
    Environment {
        model: None,
        openai_key: None,
        openai_base_url: None,
        ollama_host: host.map(str::to_owned),
        editor: None,
        keys: Vec::new(),
        state_folder: None,
        otlp: None,
        tells_content: false,
    }
    .ollama_url()
}

#[test]
fn ollama_is_where_its_own_variable_says() {
    assert_eq!(ollama_at(None), "http://127.0.0.1:11434/v1");
    assert_eq!(ollama_at(Some("0.0.0.0")), "http://127.0.0.1:11434/v1");
    assert_eq!(ollama_at(Some(":8000")), "http://127.0.0.1:8000/v1");
    assert_eq!(ollama_at(Some("box.example:8000/")), "http://box.example:8000/v1");
    assert_eq!(ollama_at(Some("https://box.example")), "https://box.example:11434/v1");
}
