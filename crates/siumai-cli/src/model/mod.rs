//! Which model a run uses, and why.
//!
//! What is said explicitly counts; else a key that is set; else a model server
//! on this machine; else the offline model. The choice itself is made of
//! values alone; [`server`] asks servers what they have.
mod server;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use siumai::{ErrorKind, LlmError, Siumai};

pub(crate) use self::server::{Http, Models, Servers};
use crate::{
    args::ModelArgs, environment::Environment, environment::OPENAI_API_KEY, failure::Failure,
    saved::without_secrets, tools::nearest,
};

/// The model of OpenAI that is taken if none is named.
const OPENAI_MODEL: &str = "gpt-4.1-mini";

/// A model to use.
#[derive(Debug)]
pub(crate) enum Choice {
    /// The one that needs nothing.
    Offline,
    /// One of OpenAI, or of a server that speaks its API.
    OpenAi { model: String, base_url: Option<String>, key: Option<SecretString> },
    /// One of Ollama.
    Ollama { model: String, base_url: String },
    /// `provider:model` of any other that the library knows; the library takes its key.
    Known { name: String, base_url: Option<String> },
}

/// A model to use, and why it is this one.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) choice: Choice,
    pub(crate) why: Option<String>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("offline"),
            Self::OpenAi { model, base_url: None, .. } => write!(f, "openai:{model}"),
            Self::OpenAi { model, base_url: Some(url), .. } => write!(f, "openai:{model} at {url}"),
            Self::Ollama { model, .. } => write!(f, "ollama:{model}"),
            Self::Known { name, base_url: None } => f.write_str(name),
            Self::Known { name, base_url: Some(url) } => write!(f, "{name} at {url}"),
        }
    }
}

impl Choice {
    /// The model itself.
    ///
    /// # Errors
    ///
    /// If something of the choice can't be used, such as a base URL that is none.
    pub(crate) fn client(&self) -> Result<Siumai, Failure> {
        let builder = match self {
            Self::Offline => Siumai::builder().offline(),
            Self::Ollama { model, base_url } => {
                Siumai::builder().ollama().model(model).base_url(base_url)
            }
            Self::Known { name, base_url } => match base_url {
                Some(url) => Siumai::named(name).base_url(url),
                None => Siumai::named(name),
            },
            Self::OpenAi { model, base_url, key } => {
                let mut builder = Siumai::builder().openai().model(model);
                if let Some(url) = base_url {
                    builder = builder.base_url(url);
                }
                if let Some(key) = key {
                    builder = builder.api_key(key.expose_secret());
                }
                builder
            }
        };
        builder.build().map_err(|error| self.refused(&error))
    }
}

impl Choice {
    /// As `--model` and `--base-url` would name it another time, without a key.
    pub(crate) fn named(&self) -> (Option<String>, Option<String>) {
        let (name, base_url) = match self {
            Self::Offline => ("offline".to_owned(), None),
            Self::OpenAi { model, base_url, .. } => (format!("openai:{model}"), base_url.as_ref()),
            Self::Ollama { model, base_url } => (format!("ollama:{model}"), Some(base_url)),
            Self::Known { name, base_url } => (name.clone(), base_url.as_ref()),
        };
        (Some(name), base_url.and_then(|it| without_secrets(it)))
    }

    fn refused(&self, error: &LlmError) -> Failure {
        let variable = match self {
            Self::Known { name, .. } => name.split(':').next().and_then(siumai::key_variable),
            _ => None,
        };
        match variable.filter(|_| error.kind() == ErrorKind::Authentication) {
            Some(variable) => {
                Failure::usage(format!("no key for {self}; set {variable}, or use --model offline"))
            }
            None => Failure::usage(error.to_string()),
        }
    }
}

/// Chooses the model.
///
/// # Errors
///
/// If what was asked for is unknown, or lacks something that it needs.
pub(crate) async fn choose(
    args: &ModelArgs,
    environment: &Environment,
    servers: &impl Servers,
) -> Result<Chosen, Failure> {
    let wanted = args.model.as_ref().or(environment.model.as_ref());
    let chooser = Chooser { args, environment, servers };
    match wanted.map(String::as_str) {
        None | Some("auto") => chooser.auto().await,
        Some("offline") if args.base_url.is_some() => Err(Failure::usage(
            "--base-url says where a server is, and the offline model has none; leave out one of them",
        )),
        Some("offline") => Ok(Chosen { choice: Choice::Offline, why: None }),
        Some(wanted) => chooser.named(wanted).await,
    }
}

struct Chooser<'a, S> {
    args: &'a ModelArgs,
    environment: &'a Environment,
    servers: &'a S,
}

impl<S: Servers> Chooser<'_, S> {
    async fn auto(&self) -> Result<Chosen, Failure> {
        if self.args.base_url.is_some() {
            let choice = self.openai(None).await?;
            return Ok(Chosen { choice, why: Some("--base-url is given".to_owned()) });
        }
        let set = [
            (OPENAI_API_KEY, self.environment.openai_key.is_some()),
            ("OPENAI_BASE_URL", self.environment.openai_base_url.is_some()),
        ];
        if let Some((name, _)) = set.iter().find(|(_, is_set)| *is_set) {
            let choice = self.openai(None).await?;
            return Ok(Chosen { choice, why: Some(format!("{name} is set")) });
        }
        let base_url = self.environment.ollama_url();
        let found = self.servers.on_this_machine(&base_url).await;
        let first = found.as_ref().and_then(|models| models.first_that_chats());
        if let Some(model) = first {
            let choice = Choice::Ollama { model: model.to_owned(), base_url };
            return Ok(Chosen {
                choice,
                why: Some("a model server runs on this machine".to_owned()),
            });
        }
        let missing = match found {
            Some(_) => "the model server on this machine has no model",
            None => "no key is set and no model server runs on this machine",
        };
        let why = format!("{missing}; set {OPENAI_API_KEY}, start Ollama, or use --model");
        Ok(Chosen { choice: Choice::Offline, why: Some(why) })
    }

    /// `provider`, or `provider:model`.
    async fn named(&self, wanted: &str) -> Result<Chosen, Failure> {
        let (provider, model) = match wanted.split_once(':') {
            Some((provider, model)) => (provider.trim(), Some(model.trim())),
            None => (wanted.trim(), None),
        };
        let model = model.filter(|it| !it.is_empty());
        let choice = match provider {
            "openai" => self.openai(model).await?,
            "ollama" => self.ollama(model).await?,
            name if siumai::provider_names().any(|it| it == name) => self.known(name, model)?,
            _ if self.args.base_url.is_some() => self.openai(Some(wanted.trim())).await?,
            _ => return Err(unknown(wanted, provider)),
        };
        Ok(Chosen { choice, why: None })
    }

    fn known(&self, provider: &str, model: Option<&str>) -> Result<Choice, Failure> {
        let Some(model) = model else {
            return Err(Failure::usage(format!(
                "no model of {provider} is named; write --model {provider}:NAME"
            )));
        };
        let name = format!("{provider}:{model}");
        Ok(Choice::Known { name, base_url: self.args.base_url.clone() })
    }

    async fn openai(&self, model: Option<&str>) -> Result<Choice, Failure> {
        let Environment { openai_key, openai_base_url, .. } = self.environment;
        let base_url = self.args.base_url.as_ref().or(openai_base_url.as_ref()).cloned();
        if base_url.is_none() && openai_key.is_none() {
            return Err(Failure::usage(format!(
                "no key for openai; set {OPENAI_API_KEY}, point --base-url to a server that needs \
                 none, or use --model offline"
            )));
        }
        let model = match (model, &base_url) {
            (Some(model), _) => model.to_owned(),
            (None, None) => OPENAI_MODEL.to_owned(),
            (None, Some(url)) => self.first_of(url, openai_key.as_deref(), "openai").await?,
        };
        Ok(Choice::OpenAi { model, base_url, key: openai_key.clone().map(SecretString::from) })
    }

    async fn ollama(&self, model: Option<&str>) -> Result<Choice, Failure> {
        let given = self.args.base_url.clone();
        let base_url = given.unwrap_or_else(|| self.environment.ollama_url());
        let model = match model {
            Some(model) => model.to_owned(),
            None => self.first_of(&base_url, None, "ollama").await?,
        };
        Ok(Choice::Ollama { model, base_url })
    }

    /// The first model that the server at `url` lists.
    async fn first_of(
        &self,
        url: &str,
        key: Option<&str>,
        provider: &str,
    ) -> Result<String, Failure> {
        let way_out = format!("name one with --model {provider}:NAME");
        let models = self.servers.models(url, key).await.map_err(|why| {
            Failure::failed(format!("the models of {url} can't be listed: {why}; {way_out}"))
        })?;
        let first = models.first_that_chats();
        first.map(str::to_owned).ok_or_else(|| {
            Failure::failed(format!("the server at {url} lists no model; {way_out}"))
        })
    }
}

fn unknown(wanted: &str, provider: &str) -> Failure {
    let known = siumai::provider_names().chain(["auto"]);
    let way_out = match nearest(provider, known) {
        Some(near) => format!("did you mean `{near}`? "),
        None => {
            format!("if it is the name of a model, write `openai:{wanted}` or `ollama:{wanted}`; ")
        }
    };
    Failure::usage(format!(
        "no provider named `{provider}`; {way_out}`siumai models` lists what there is"
    ))
}

#[cfg(test)]
mod tests;
