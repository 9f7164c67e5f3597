use siumai::async_trait;

use super::*;

const OLLAMA: &str = "http://127.0.0.1:11434/v1";

/// Servers that are there, by URL, and what they list.
#[derive(Default)]
struct World(Vec<(&'static str, Vec<&'static str>)>);

#[async_trait]
impl Servers for World {
    async fn models(&self, base_url: &str, _: Option<&str>) -> Result<Models, String> {
        let found = self.0.iter().find(|(url, _)| *url == base_url);
        let (_, models) = found.ok_or("connection refused")?;
        Ok(Models(models.iter().map(|&it| it.to_owned()).collect()))
    }

    async fn on_this_machine(&self, base_url: &str) -> Option<Models> {
        self.models(base_url, None).await.ok()
    }
}

#[derive(Default)]
struct Given {
    model: Option<&'static str>,
    base_url: Option<&'static str>,
    set_model: Option<&'static str>,
    set_key: Option<&'static str>,
    set_base_url: Option<&'static str>,
    world: World,
}

impl Given {
    fn model(model: &'static str) -> Self {
        Self { model: Some(model), ..Self::default() }
    }

    /// The choice and why, or the complaint.
    async fn chosen(self) -> Result<(String, Option<String>), String> {
        let owned = |it: Option<&str>| it.map(str::to_owned);
        let args = ModelArgs { model: owned(self.model), base_url: owned(self.base_url) };
        let environment = Environment {
            model: owned(self.set_model),
            openai_key: owned(self.set_key),
            openai_base_url: owned(self.set_base_url),
            ollama_host: None,
            editor: None,
            keys: Vec::new(),
            state_folder: None,
            otlp: None,
            tells_content: false,
        };
        match choose(&args, &environment, &self.world).await {
            Ok(Chosen { choice, why }) => Ok((choice.to_string(), why)),
            Err(failure) => Err(failure.message),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what `Given::chosen` gives")]
fn chosen(choice: &str, why: Option<&str>) -> Result<(String, Option<String>), String> {
    Ok((choice.to_owned(), why.map(str::to_owned)))
}

fn ollama() -> World {
    World(vec![(OLLAMA, vec!["nomic-embed-text", "qwen3:8b", "llama3.2"])])
}

#[tokio::test]
async fn auto_takes_a_key_before_a_server_and_a_server_before_nothing() {
    let given = Given { set_key: Some("k"), world: ollama(), ..Given::default() };
    assert_eq!(given.chosen().await, chosen("openai:gpt-4.1-mini", Some("OPENAI_API_KEY is set")));
    let given = Given { world: ollama(), ..Given::model("auto") };
    assert_eq!(
        given.chosen().await,
        chosen("ollama:qwen3:8b", Some("a model server runs on this machine"))
    );
    let why = "no key is set and no model server runs on this machine; set OPENAI_API_KEY, start \
               Ollama, or use --model";
    assert_eq!(Given::default().chosen().await, chosen("offline", Some(why)));
}

#[tokio::test]
async fn a_server_without_models_is_passed_over() {
    let world = World(vec![(OLLAMA, vec!["nomic-embed-text"])]);
    let why = "the model server on this machine has no model; set OPENAI_API_KEY, start Ollama, \
               or use --model";
    let given = Given { world, ..Given::default() };
    assert_eq!(given.chosen().await, chosen("offline", Some(why)));
}

#[tokio::test]
async fn a_base_url_asks_its_server_for_a_model() {
    let url = "http://127.0.0.1:9/v1";
    let world = || World(vec![(url, vec!["tiny"])]);
    let expected = "openai:tiny at http://127.0.0.1:9/v1";
    let given = Given { base_url: Some(url), world: world(), ..Given::default() };
    assert_eq!(given.chosen().await, chosen(expected, Some("--base-url is given")));
    let given = Given { set_base_url: Some(url), world: world(), ..Given::default() };
    assert_eq!(given.chosen().await, chosen(expected, Some("OPENAI_BASE_URL is set")));
    let given = Given { base_url: Some(url), ..Given::default() };
    let message = "the models of http://127.0.0.1:9/v1 can't be listed: connection refused; name \
                   one with --model openai:NAME";
    assert_eq!(given.chosen().await, Err(message.to_owned()));
}

#[tokio::test]
async fn a_named_model_is_taken_as_it_is() {
    let given = Given { set_key: Some("k"), ..Given::model("openai:gpt-x") };
    assert_eq!(given.chosen().await, chosen("openai:gpt-x", None));
    assert_eq!(Given::model("ollama:qwen3:8b").chosen().await, chosen("ollama:qwen3:8b", None));
    assert_eq!(Given::model("offline").chosen().await, chosen("offline", None));
    let given = Given { set_model: Some("ollama:a"), ..Given::default() };
    assert_eq!(given.chosen().await, chosen("ollama:a", None));
    let given = Given { base_url: Some("http://x/v1"), ..Given::model("qwen3:8b") };
    assert_eq!(given.chosen().await, chosen("openai:qwen3:8b at http://x/v1", None));
}

#[tokio::test]
async fn a_provider_alone_takes_its_first_model() {
    let given = Given { world: ollama(), ..Given::model("ollama") };
    assert_eq!(given.chosen().await, chosen("ollama:qwen3:8b", None));
    let given = Given { set_key: Some("k"), ..Given::model("openai") };
    assert_eq!(given.chosen().await, chosen("openai:gpt-4.1-mini", None));
}

#[tokio::test]
async fn any_other_provider_is_chosen_by_its_name() {
    let given = Given::model("anthropic:claude-sonnet-4-5");
    assert_eq!(given.chosen().await, chosen("anthropic:claude-sonnet-4-5", None));
    let given = Given { base_url: Some("http://localhost:9000/v1"), ..Given::model("vllm:qwen3") };
    assert_eq!(given.chosen().await, chosen("vllm:qwen3 at http://localhost:9000/v1", None));
    let message = "no model of groq is named; write --model groq:NAME";
    assert_eq!(Given::model("groq").chosen().await, Err(message.to_owned()));
}

#[tokio::test]
async fn what_is_missing_or_unknown_is_named_with_the_way_out() {
    let message = "no key for openai; set OPENAI_API_KEY, point --base-url to a server that needs \
                   none, or use --model offline";
    assert_eq!(Given::model("openai:gpt-x").chosen().await, Err(message.to_owned()));
    let message = "no provider named `openia`; did you mean `openai`? `siumai models` lists \
                   what there is";
    assert_eq!(Given::model("openia:gpt-x").chosen().await, Err(message.to_owned()));
    let message = "no provider named `gpt-4o`; if it is the name of a model, write \
                   `openai:gpt-4o` or `ollama:gpt-4o`; `siumai models` lists what there is";
    assert_eq!(Given::model("gpt-4o").chosen().await, Err(message.to_owned()));
    let message = "--base-url says where a server is, and the offline model has none; leave out \
                   one of them";
    let given = Given { base_url: Some("http://x"), ..Given::model("offline") };
    assert_eq!(given.chosen().await, Err(message.to_owned()));
}

#[test]
fn a_key_is_not_in_debug() {
    let key = Some(SecretString::from("canary".to_owned()));
    let choice = Choice::OpenAi { model: "m".to_owned(), base_url: None, key };
    assert!(!format!("{choice:?}").contains("canary"));
}
