//! Metrics, made of spans as they end.
use std::fmt;

use opentelemetry::{
    KeyValue, Value,
    metrics::{Counter, Histogram, Meter},
};
use siumai_core::telemetry::{
    TARGET,
    names::{self, metrics},
};
use tokio::time::Instant;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::Conventions;

/// A layer that makes metrics of siumai's spans, whether or not those are sampled.
///
/// | 1.41 | newest | of |
/// |---|---|---|
/// | `gen_ai.client.operation.duration` | `gen_ai.client.inference.duration` | a model call |
/// | `gen_ai.client.operation.time_to_first_chunk` | `gen_ai.client.inference.time_to_first_chunk` | a streamed model call |
/// | `gen_ai.client.token.usage` | `gen_ai.client.inference.operation.{input,output}_tokens` | a model call |
/// | | `gen_ai.client.inference.usage.*` | all model calls, added up |
/// | `gen_ai.execute_tool.duration` | the same | a tool call |
/// | `gen_ai.invoke_agent.duration` | the same | a run |
///
/// Durations are in seconds. Tokens that nobody counted are not in the metrics.
#[derive(Debug)]
pub struct Metrics {
    chats: Histogram<f64>,
    first_chunks: Histogram<f64>,
    tools: Histogram<f64>,
    agents: Histogram<f64>,
    tokens: Tokens,
}

#[derive(Debug)]
enum Tokens {
    /// Both directions in one histogram.
    Typed(Histogram<u64>),
    Separate(Box<Separate>),
}

#[derive(Debug)]
struct Separate {
    input: Histogram<u64>,
    output: Histogram<u64>,
    /// How many were used in all, by the attribute that counts them.
    used: [(&'static str, Counter<u64>); 4],
}

impl Metrics {
    /// Metrics of `meter`, by the names of `conventions`.
    pub fn new(meter: &Meter, conventions: Conventions) -> Self {
        let (duration, first_chunk, tokens) = match conventions {
            Conventions::V1_41 => (
                metrics::OPERATION_DURATION,
                metrics::TIME_TO_FIRST_CHUNK,
                Tokens::Typed(tokens(meter, metrics::TOKEN_USAGE)),
            ),
            Conventions::Newest => (
                metrics::INFERENCE_DURATION,
                metrics::INFERENCE_TIME_TO_FIRST_CHUNK,
                Tokens::Separate(Box::new(Separate::new(meter))),
            ),
        };
        Self {
            chats: seconds(meter, duration),
            first_chunks: seconds(meter, first_chunk),
            tools: seconds(meter, metrics::TOOL_DURATION),
            agents: seconds(meter, metrics::AGENT_DURATION),
            tokens,
        }
    }

    fn record(&self, ended: &Measured) {
        let seconds = ended.began.elapsed().as_secs_f64();
        match ended.text(names::OPERATION).as_deref() {
            Some(names::CHAT) => self.chat(ended, seconds),
            Some(names::EXECUTE_TOOL) => {
                let of =
                    ended.only(&[names::OPERATION, names::TOOL, names::TOOL_TYPE, names::ERROR]);
                self.tools.record(seconds, &of);
            }
            Some(names::INVOKE_AGENT) => {
                let of = ended.only(&[names::OPERATION, names::AGENT, names::ERROR]);
                self.agents.record(seconds, &of);
            }
            _ => {}
        }
    }

    fn chat(&self, ended: &Measured, seconds: f64) {
        let mut of = ended.only(&[
            names::OPERATION,
            names::PROVIDER,
            names::REQUEST_MODEL,
            names::RESPONSE_MODEL,
        ]);
        if let Some(Value::F64(first)) = ended.value(names::TIME_TO_FIRST_CHUNK) {
            self.first_chunks.record(*first, &of);
        }
        self.tokens.record(ended, &of);
        of.extend(ended.only(&[names::ERROR]));
        self.chats.record(seconds, &of);
    }
}

impl Separate {
    fn new(meter: &Meter) -> Self {
        let used = [
            (names::INPUT_TOKENS, metrics::INPUT_USED),
            (names::OUTPUT_TOKENS, metrics::OUTPUT_USED),
            (names::CACHED_INPUT_TOKENS, metrics::CACHED_INPUT_USED),
            (names::REASONING_TOKENS, metrics::REASONING_USED),
        ];
        Self {
            input: tokens(meter, metrics::INPUT_PER_INFERENCE),
            output: tokens(meter, metrics::OUTPUT_PER_INFERENCE),
            used: used.map(|(of, name)| (of, meter.u64_counter(name).with_unit(TOKEN).build())),
        }
    }
}

impl Tokens {
    fn record(&self, ended: &Measured, of: &[KeyValue]) {
        let input = ended.tokens(names::INPUT_TOKENS);
        let output = ended.tokens(names::OUTPUT_TOKENS);
        match self {
            Self::Typed(both) => {
                for (direction, tokens) in [("input", input), ("output", output)] {
                    let Some(tokens) = tokens else { continue };
                    both.record(tokens, &with(of, metrics::TOKEN_TYPE, direction));
                }
            }
            Self::Separate(separate) => {
                for (histogram, tokens) in [(&separate.input, input), (&separate.output, output)] {
                    let Some(tokens) = tokens else { continue };
                    histogram.record(tokens, of);
                }
                for (name, counter) in &separate.used {
                    let Some(tokens) = ended.tokens(name) else { continue };
                    counter.add(tokens, &with(of, metrics::TOKEN_MODALITY, "unknown"));
                }
            }
        }
    }
}

const TOKEN: &str = "{token}";

fn tokens(meter: &Meter, name: &'static str) -> Histogram<u64> {
    // 1, 4, 16, … as the conventions advise.
    let boundaries = (0..14).map(|power| f64::from(1_u32 << (2 * power))).collect();
    meter.u64_histogram(name).with_unit(TOKEN).with_boundaries(boundaries).build()
}

fn seconds(meter: &Meter, name: &'static str) -> Histogram<f64> {
    // 0.01, 0.02, 0.04, … as the conventions advise.
    let boundaries = (0..14).map(|power| f64::from(1_u32 << power) / 100.0).collect();
    meter.f64_histogram(name).with_unit("s").with_boundaries(boundaries).build()
}

fn with(of: &[KeyValue], name: &'static str, value: &'static str) -> Vec<KeyValue> {
    of.iter().cloned().chain([KeyValue::new(name, value)]).collect()
}

/// A span of siumai, until it ends.
struct Measured {
    began: Instant,
    fields: Vec<KeyValue>,
}

impl Measured {
    fn value(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|it| it.key.as_str() == name).map(|it| &it.value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|it| it.as_str().into_owned())
    }

    fn tokens(&self, name: &str) -> Option<u64> {
        let Some(Value::I64(tokens)) = self.value(name) else { return None };
        u64::try_from(*tokens).ok()
    }

    fn only(&self, names: &[&str]) -> Vec<KeyValue> {
        self.fields.iter().filter(|it| names.contains(&it.key.as_str())).cloned().collect()
    }
}

/// What metrics are made of; content is not kept.
const KEPT: [&str; 13] = [
    names::OPERATION,
    names::PROVIDER,
    names::REQUEST_MODEL,
    names::RESPONSE_MODEL,
    names::ERROR,
    names::AGENT,
    names::TOOL,
    names::TOOL_TYPE,
    names::TIME_TO_FIRST_CHUNK,
    names::INPUT_TOKENS,
    names::OUTPUT_TOKENS,
    names::CACHED_INPUT_TOKENS,
    names::REASONING_TOKENS,
];

impl Measured {
    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        if KEPT.contains(&field.name()) {
            self.fields.push(KeyValue::new(field.name(), value));
        }
    }
}

impl Visit for Measured {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if KEPT.contains(&field.name()) {
            self.keep(field, value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Metrics {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() != TARGET {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut measured = Measured { began: Instant::now(), fields: Vec::new() };
        attributes.record(&mut measured);
        span.extensions_mut().insert(measured);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(measured) = span.extensions_mut().get_mut::<Measured>() {
            values.record(measured);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let measured = span.extensions_mut().remove::<Measured>();
        if let Some(measured) = measured {
            self.record(&measured);
        }
    }
}
