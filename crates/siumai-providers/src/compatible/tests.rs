use siumai_core::model::LanguageModel;

use super::*;
use crate::OpenAiChat;

fn address(base: &str, version: Option<&str>) -> String {
    azure_address(base, "gpt-4o", version).unwrap()
}

#[test]
fn every_server_is_found_and_builds_a_model() {
    for server in &SERVERS {
        assert_eq!(find(server.name()).unwrap(), server);
        let builder = OpenAiChat::server(server.name()).unwrap().model("m");
        let builder = if server.base_url().is_some() {
            builder
        } else {
            builder.base_url("https://me.example.com")
        };
        let model = builder.api_key("key").build().unwrap();
        assert_eq!(model.provider(), server.name());
    }
}

#[test]
fn names_are_found_however_they_are_spelled() {
    assert_eq!(find("LM-Studio").unwrap().name(), "lmstudio");
    assert_eq!(find("llama.cpp").unwrap().name(), "llamacpp");
    assert_eq!(find(" xAI ").unwrap().name(), "xai");
}

#[test]
fn an_unknown_name_is_an_error_that_names_the_nearest() {
    let all = "there are: ollama, vllm, llamacpp, lmstudio, groq, openrouter, deepseek, mistral, \
               xai, together, fireworks, cerebras, azure; any other takes a base URL";
    let said = |name| find(name).unwrap_err().to_string();
    assert_eq!(said("mistrl"), format!("no server named `mistrl`; did you mean `mistral`? {all}"));
    assert_eq!(said("zzz"), format!("no server named `zzz`; {all}"));
}

#[test]
fn a_missing_key_or_address_is_named() {
    let said = |name: &str| OpenAiChat::server(name).unwrap().model("m").build().unwrap_err();
    assert_eq!(said("groq").to_string(), "groq wants an API key; pass one with `api_key`");
    let azure = OpenAiChat::server("azure").unwrap().api_key("key").model("m").build();
    assert_eq!(
        azure.unwrap_err().to_string(),
        "azure has no common address; pass yours with `base_url`, such as \
         `https://NAME.openai.azure.com`"
    );
    let azure = OpenAiChat::server("azure").unwrap().base_url("https://a.example").model("m");
    let message = "azure wants an API key; pass one with `api_key`";
    assert_eq!(azure.build().unwrap_err().to_string(), message);
}

#[test]
fn a_deployment_of_azure_has_an_address_with_a_version() {
    let deployment = "https://me.openai.azure.com/openai/deployments/gpt-4o";
    for base in ["https://me.openai.azure.com", "https://me.openai.azure.com/openai/", deployment] {
        assert_eq!(address(base, None), format!("{deployment}?api-version=2024-10-21"));
        assert_eq!(
            address(base, Some("2025-01-01")),
            format!("{deployment}?api-version=2025-01-01")
        );
    }
    let own = format!("{deployment}?api-version=2023-05-15");
    assert_eq!(address(&own, Some("2025-01-01")), own);
    let newest = "https://me.openai.azure.com/openai/v1";
    assert_eq!(address(newest, None), newest);
    assert_eq!(address(newest, Some("preview")), format!("{newest}?api-version=preview"));
    assert_eq!(address("me.openai.azure.com", None), "me.openai.azure.com");
}
