//! Spans of `tracing` as spans of OpenTelemetry, by the names that are asked for.
use std::time::Duration;

use opentelemetry::{
    Array, KeyValue, StringValue, Value,
    trace::{Status, Tracer},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use siumai_core::telemetry::names;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::Conventions;

/// A layer that makes spans with `tracer`: what siumai says, and nothing of threads and files.
pub fn layer<S, T>(tracer: T) -> OpenTelemetryLayer<S, T>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer + 'static,
    T::Span: Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
}

/// An exporter around another, that gives spans of siumai the names and types of the conventions.
///
/// Other spans pass through as they are.
#[derive(Debug)]
pub struct SpanNames<E> {
    exporter: E,
    conventions: Conventions,
}

impl<E: SpanExporter> SpanNames<E> {
    /// What `exporter` exports, by the names of `conventions`.
    pub fn new(exporter: E, conventions: Conventions) -> Self {
        Self { exporter, conventions }
    }
}

impl<E: SpanExporter> SpanExporter for SpanNames<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            name(span, self.conventions);
        }
        self.exporter.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Lists of strings, which `tracing` has only as JSON.
const LISTS: [&str; 2] = [names::FINISH_REASONS, names::STOP_SEQUENCES];

/// What agents no longer tell: their model calls do.
const NOT_OF_AGENTS: [&str; 2] = [names::PROVIDER, names::CACHED_INPUT_TOKENS];

fn name(span: &mut SpanData, conventions: Conventions) {
    let operation = span.attributes.iter().find(|it| it.key.as_str() == names::OPERATION);
    let Some(operation) = operation.map(|it| it.value.as_str().into_owned()) else { return };
    for attribute in &mut span.attributes {
        if LISTS.contains(&attribute.key.as_str()) {
            attribute.value = list(&attribute.value);
        }
    }
    // Whatever is logged as an error inside a span is otherwise taken for an error of the span.
    if !span.attributes.iter().any(|it| it.key.as_str() == names::ERROR) {
        span.status = Status::Unset;
    }
    if conventions == Conventions::V1_41 {
        return;
    }
    match operation.as_str() {
        names::INVOKE_AGENT => {
            span.attributes.retain(|it| !NOT_OF_AGENTS.contains(&it.key.as_str()));
        }
        names::CHAT if matches!(span.status, Status::Error { .. }) => {
            let reasons = Value::Array(Array::String(vec!["error".into()]));
            span.attributes.push(KeyValue::new(names::FINISH_REASONS, reasons));
        }
        _ => {}
    }
}

/// The strings of a JSON array; anything else stays as it is.
fn list(json: &Value) -> Value {
    match serde_json::from_str::<Vec<String>>(&json.as_str()) {
        Ok(strings) => {
            let strings = strings.into_iter().map(StringValue::from).collect();
            Value::Array(Array::String(strings))
        }
        Err(_) => json.clone(),
    }
}
