//! Something to be observed, and somebody who observes it.
use std::time::Duration;

use futures_util::{StreamExt, stream};
use opentelemetry::{
    Array, KeyValue, StringValue, Value as Attribute,
    metrics::MeterProvider,
    trace::{SpanId, Status, TracerProvider},
};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, SdkMeterProvider,
        data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics, ScopeMetrics},
    },
    trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor, SpanData},
};
use serde_json::{Map, Value, json};
use siumai_core::{
    LlmError, async_trait,
    model::{LanguageModel, ModelEvent, ModelStream},
    orchestrator::{OrchestratorOptions, RunError, RunOutput, generate_stream, run},
    telemetry::Telemetry,
    testing::{RecordingResolver, Reply, ScriptedModel},
    tool::ToolResolver,
    types::{ChatMessage, ChatRequest, Settings, Tool, Usage},
};
use siumai_otel::{Conventions, Metrics, SpanNames, layer};
use tracing_subscriber::layer::SubscriberExt;

/// What is said, and must not be told unless it is asked for.
pub(crate) const SECRET: &str = "Atlantis";

/// A model of a provider that gives its replies ids, as the real ones do.
#[derive(Debug)]
pub(crate) struct Served(pub(crate) ScriptedModel);

#[async_trait]
impl LanguageModel for Served {
    fn provider(&self) -> &'static str {
        "gemini"
    }

    fn model(&self) -> &'static str {
        "weather-1"
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let reply = self.0.stream(request).await?;
        let start = ModelEvent::start(Some("resp_1".into()), Some("weather-1-0425".into()));
        Ok(stream::iter([Ok(start)]).chain(reply).boxed())
    }
}

/// Looks up the weather, which takes two seconds, and tells it.
pub(crate) fn model() -> Served {
    let mut asking = Usage::new(100, 20);
    asking.cached_input_tokens = 64.into();
    asking.reasoning_tokens = 8.into();
    let call = Reply::empty().call("get_weather", json!({ "city": SECRET })).usage(asking);
    let answer = Reply::text(format!("It is wet in {SECRET}.")).usage(Usage::new(150, 30));
    let second = Duration::from_secs(1);
    Served(ScriptedModel::new().then(call.delayed(second)).then(answer.delayed(second / 2)))
}

pub(crate) fn tools() -> Vec<Tool> {
    vec![
        Tool::function("get_weather", "Weather of a city")
            .parameter("city", "string", "City", true),
    ]
}

pub(crate) fn resolver() -> RecordingResolver {
    let weather = json!({ "city": SECRET, "weather": "wet" });
    RecordingResolver::new().returning_after("get_weather", Duration::from_secs(2), weather)
}

pub(crate) fn messages() -> Vec<ChatMessage> {
    let question = format!("What is the weather in {SECRET}?");
    vec![ChatMessage::system(format!("You know {SECRET}.")), ChatMessage::user(question)]
}

pub(crate) fn options(content: bool) -> OrchestratorOptions {
    OrchestratorOptions {
        agent_id: Some("forecaster".into()),
        run_id: Some("run-1".into()),
        telemetry: Telemetry { content, ..Default::default() },
        settings: Settings {
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_output_tokens: Some(200),
            seed: Some(7),
            stop_sequences: vec!["END".into()],
            ..Default::default()
        },
        ..Default::default()
    }
}

/// How a run is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Surface {
    Whole,
    Streamed,
}

pub(crate) const SURFACES: [Surface; 2] = [Surface::Whole, Surface::Streamed];

impl Surface {
    pub(crate) async fn run(
        self,
        model: &dyn LanguageModel,
        resolver: &dyn ToolResolver,
        options: OrchestratorOptions,
    ) -> Result<RunOutput, RunError> {
        let (messages, tools) = (messages(), Some(tools()));
        match self {
            Self::Whole => run(model, messages, tools, Some(resolver), &[], options).await,
            Self::Streamed => {
                generate_stream(model, messages, tools, Some(resolver), &[], options)?
                    .finish()
                    .await
            }
        }
    }
}

/// What was told of some work.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) spans: Vec<Value>,
    pub(crate) metrics: Vec<Value>,
}

impl Told {
    /// The spans of this name, in the order they ended.
    pub(crate) fn named(&self, name: &str) -> Vec<&Value> {
        self.spans.iter().filter(|it| it["name"] == name).collect()
    }

    pub(crate) fn whole(&self) -> Value {
        json!({ "spans": self.spans, "metrics": self.metrics })
    }
}

/// Observes `work` to its end.
pub(crate) async fn observe<T>(
    conventions: Conventions,
    work: impl Future<Output = T>,
) -> (T, Told) {
    let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
    let exporter = SpanNames::new(spans.clone(), conventions);
    let tracers = SdkTracerProvider::builder()
        .with_span_processor(SimpleSpanProcessor::new(exporter))
        .build();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone()).build();
    let subscriber = tracing_subscriber::registry()
        .with(layer(tracers.tracer("test")))
        .with(Metrics::new(&meters.meter("test"), conventions));
    let outcome = {
        let _listening = tracing::subscriber::set_default(subscriber);
        work.await
    };
    meters.force_flush().unwrap();
    let spans = spans.get_finished_spans().unwrap();
    let metrics = metrics.get_finished_metrics().unwrap();
    let told = Told { spans: told_spans(&spans), metrics: told_metrics(&metrics) };
    (outcome, told)
}

fn told_spans(spans: &[SpanData]) -> Vec<Value> {
    let name_of = |id: SpanId| {
        spans.iter().find(|it| it.span_context.span_id() == id).map(|it| it.name.as_ref())
    };
    let told = spans.iter().map(|span| {
        let status = match &span.status {
            Status::Unset => json!("unset"),
            Status::Ok => json!("ok"),
            Status::Error { description } => json!({ "error": description }),
        };
        let events = span.events.iter();
        let events =
            events.map(|it| json!({ "name": it.name, "attributes": told(&it.attributes) }));
        json!({
            "name": span.name,
            "kind": format!("{:?}", span.span_kind).to_lowercase(),
            "parent": name_of(span.parent_span_id),
            "status": status,
            "attributes": told(&span.attributes),
            "events": events.collect::<Vec<_>>(),
        })
    });
    told.collect()
}

fn told_metrics(exports: &[ResourceMetrics]) -> Vec<Value> {
    let scopes = exports.last().into_iter().flat_map(ResourceMetrics::scope_metrics);
    let mut told: Vec<Value> = scopes.flat_map(ScopeMetrics::metrics).map(told_metric).collect();
    told.sort_by_key(|it| it["name"].to_string());
    told
}

fn told_metric(metric: &Metric) -> Value {
    let mut points: Vec<Value> = match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|it| json!({ "of": told(it.attributes()), "count": it.count(), "sum": it.sum() }))
            .collect(),
        AggregatedMetrics::U64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|it| json!({ "of": told(it.attributes()), "count": it.count(), "sum": it.sum() }))
            .collect(),
        AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
            .data_points()
            .map(|it| json!({ "of": told(it.attributes()), "sum": it.value() }))
            .collect(),
        other => panic!("nothing is measured like this: {other:?}"),
    };
    points.sort_by_key(ToString::to_string);
    json!({ "name": metric.name(), "unit": metric.unit(), "points": points })
}

fn told<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Value {
    let mut attributes: Vec<_> = attributes.into_iter().collect();
    attributes.sort_by_key(|it| it.key.as_str());
    let told = attributes.iter().map(|it| (it.key.to_string(), value(&it.value)));
    Value::Object(told.collect::<Map<_, _>>())
}

fn value(attribute: &Attribute) -> Value {
    match attribute {
        Attribute::Bool(it) => json!(it),
        Attribute::I64(it) => json!(it),
        Attribute::F64(it) => json!(it),
        Attribute::Array(Array::String(them)) => {
            json!(them.iter().map(StringValue::as_str).collect::<Vec<_>>())
        }
        other => json!(other.as_str()),
    }
}
