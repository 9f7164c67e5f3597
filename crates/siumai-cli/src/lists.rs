//! What `siumai tools` and `siumai models` write.
use std::io::{self, Write};

use serde_json::{Value, json};
use siumai::types::Tool;

use crate::{
    args::{ListOutput, ModelArgs},
    environment::{Environment, OPENAI_API_KEY},
    model::{self, Models, Servers},
    render::paint,
};

/// Writes what can be offered to the model.
pub(crate) fn tools<'a>(
    out: &mut impl Write,
    tools: impl Iterator<Item = &'a Tool>,
    format: ListOutput,
) -> io::Result<()> {
    match format {
        ListOutput::Json => {
            let tools: Vec<_> = tools.collect();
            serde_json::to_writer_pretty(&mut *out, &json!(tools))?;
            writeln!(out)
        }
        ListOutput::Text => tools.into_iter().try_for_each(|tool| describe(out, tool)),
    }
}

fn describe(out: &mut impl Write, tool: &Tool) -> io::Result<()> {
    let (on, off) = (paint::STRONG.render(), paint::STRONG.render_reset());
    let (faint, plain) = (paint::FAINT.render(), paint::FAINT.render_reset());
    let asked = if tool.is_read_only() { "" } else { "  (asks before it runs)" };
    writeln!(out, "{on}{}{off}{asked}", tool.name())?;
    writeln!(out, "  {}", tool.description())?;
    let properties = tool.parameters()["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        let required = tool.parameters()["required"].as_array();
        let is_required = required.is_some_and(|it| it.contains(&Value::from(name.as_str())));
        let optional = if is_required { "" } else { ", optional" };
        let kind = property["type"].as_str().unwrap_or("any");
        let description = property["description"].as_str().unwrap_or_default();
        writeln!(out, "  {faint}{name} ({kind}{optional}):{plain} {description}")?;
    }
    writeln!(out)
}

/// What there is to choose from.
#[derive(Debug)]
pub(crate) struct Found {
    auto: String,
    openai: String,
    ollama: String,
}

impl Found {
    /// Looks at what is set, and at the server on this machine.
    pub(crate) async fn look(
        args: &ModelArgs,
        environment: &Environment,
        servers: &impl Servers,
    ) -> Self {
        let ollama_url = environment.ollama_url();
        let auto = match model::choose(args, environment, servers).await {
            Ok(chosen) => match chosen.why {
                Some(why) => format!("takes {} ({why})", chosen.choice),
                None => format!("takes {}", chosen.choice),
            },
            Err(failure) => failure.message,
        };
        let openai = match (&environment.openai_key, &environment.openai_base_url) {
            (Some(_), _) => format!("ready: {OPENAI_API_KEY} is set"),
            (None, Some(url)) => format!("ready: OPENAI_BASE_URL is {url}"),
            (None, None) => {
                format!("needs {OPENAI_API_KEY}, or --base-url of a server that speaks the same")
            }
        };
        let ollama = match servers.on_this_machine(&ollama_url).await {
            None => format!("no server answers at {ollama_url}"),
            Some(Models(names)) if names.is_empty() => "ready, but has no model".to_owned(),
            Some(Models(names)) => format!("ready: {}", names.join(", ")),
        };
        Self { auto, openai, ollama }
    }
}

/// Writes which models can be chosen.
pub(crate) fn models(out: &mut impl Write, found: &Found) -> io::Result<()> {
    let offline = "always ready: rules instead of a language model, no key, no network";
    let others = others();
    let rows = [
        ("auto", &*found.auto),
        ("offline", offline),
        ("openai:NAME", &found.openai),
        ("ollama:NAME", &found.ollama),
        ("others", &others),
    ];
    let (on, off) = (paint::STRONG.render(), paint::STRONG.render_reset());
    rows.iter().try_for_each(|(name, what)| writeln!(out, "{on}{name:<13}{off}{what}"))
}

/// The other providers, each with the variable of its key.
fn others() -> String {
    let is_listed = |name: &&str| !matches!(*name, "offline" | "openai" | "ollama");
    let others =
        siumai::provider_names().filter(is_listed).map(|name| match siumai::key_variable(name) {
            Some(variable) => format!("{name}:NAME ({variable})"),
            None => format!("{name}:NAME"),
        });
    others.collect::<Vec<_>>().join(", ")
}
