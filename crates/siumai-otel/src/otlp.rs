//! Export over OTLP, set up in one call.
use std::{collections::HashMap, error::Error, fmt, sync::mpsc, thread, time::Duration};

use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_otlp::{
    MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry, filter::Targets, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    Conventions, ExportError, Metrics, SpanNames, layer,
    watched::{Failure, Watched},
};

/// Where collectors listen if nobody says anything.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";

/// What tells of the export itself, which would be exported in turn.
const OWN_TARGETS: [&str; 5] = ["h2", "hyper", "hyper_util", "opentelemetry", "reqwest"];

/// How long whoever ends the export waits, unless they say otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// Export over OTLP: HTTP with protobuf.
///
/// What is not said here is taken from the variables that OpenTelemetry has for it, such as
/// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_RESOURCE_ATTRIBUTES`,
/// `OTEL_TRACES_SAMPLER` and `OTEL_BSP_…`.
#[derive(Clone, Default)]
#[must_use = "nothing is exported before `install` or `layer`"]
pub struct Otlp {
    endpoint: Option<String>,
    headers: HashMap<String, String>,
    service_name: Option<String>,
    conventions: Conventions,
    patience: Option<Duration>,
}

impl Otlp {
    /// Export to `http://localhost:4318`, by the names of version 1.41.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the collector is: `v1/traces` and `v1/metrics` are below it.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Adds a header to each request, such as a key.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The name of what is observed; `OTEL_SERVICE_NAME` if it is left out.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Which names telemetry goes by.
    pub fn conventions(mut self, conventions: Conventions) -> Self {
        self.conventions = conventions;
        self
    }

    /// How long whoever ends the export waits for the rest to be sent. Five seconds if nothing is
    /// said.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Exports all that the process tells at level `INFO` and above, from here on.
    ///
    /// # Errors
    ///
    /// If the endpoint is no URL, or the process has a subscriber already.
    pub fn install(self) -> Result<Exporting, ExportError> {
        let (layer, exporting) = self.layer::<Registry>()?;
        let installed = tracing_subscriber::registry().with(layer).try_init();
        installed.map_err(|_| ExportError::SubscriberSet)?;
        Ok(exporting)
    }

    /// The same as a layer, for a subscriber that has others too.
    ///
    /// # Errors
    ///
    /// If the endpoint is no URL.
    pub fn layer<S>(self) -> Result<(impl Layer<S> + Send + Sync, Exporting), ExportError>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let (for_spans, for_metrics) = self
            .exporters(&endpoint)
            .map_err(|reason| ExportError::Configuration { endpoint: endpoint.clone(), reason })?;
        let (failure, patience) = (Failure::default(), self.patience.unwrap_or(PATIENCE));
        let resource = self.resource();
        let spans = SpanNames::new(Watched::new(for_spans, &failure), self.conventions);
        let tracers = SdkTracerProvider::builder()
            .with_batch_exporter(spans)
            .with_resource(resource.clone())
            .build();
        let meters = SdkMeterProvider::builder()
            .with_periodic_exporter(Watched::new(for_metrics, &failure))
            .with_resource(resource)
            .build();
        let filter = OWN_TARGETS
            .iter()
            .fold(Targets::new().with_default(LevelFilter::INFO), |filter, target| {
                filter.with_target(*target, LevelFilter::OFF)
            });
        let metrics = Metrics::new(&meters.meter("siumai"), self.conventions);
        let layer = layer(tracers.tracer("siumai")).and_then(metrics).with_filter(filter);
        Ok((layer, Exporting { endpoint, tracers, meters, failure, patience, has_ended: false }))
    }

    fn exporters(
        &self,
        endpoint: &str,
    ) -> Result<(SpanExporter, MetricExporter), Box<dyn Error + Send + Sync>> {
        let below = |path: &str| format!("{}/{path}", endpoint.trim_end_matches('/'));
        // A collector that restarts gets a second chance; one that is gone holds nobody up.
        let retries = RetryPolicy::recommended().with_max_retries(1);
        let traces = SpanExporter::builder()
            .with_http()
            .with_retry_policy(retries.clone())
            .with_endpoint(below("v1/traces"))
            .with_headers(self.headers.clone())
            .build()?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_retry_policy(retries)
            .with_endpoint(below("v1/metrics"))
            .with_headers(self.headers.clone())
            .build()?;
        Ok((traces, metrics))
    }

    fn resource(&self) -> Resource {
        let resource = Resource::builder();
        match &self.service_name {
            Some(name) => resource.with_service_name(name.clone()).build(),
            None => resource.build(),
        }
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers hold keys.
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("service_name", &self.service_name)
            .field("conventions", &self.conventions)
            .field("patience", &self.patience)
            .finish()
    }
}

/// An export under way. When it is dropped, the rest is sent, for which it waits no longer than its
/// [patience](Otlp::patience).
#[derive(Debug)]
#[must_use = "the export ends when this is dropped"]
pub struct Exporting {
    endpoint: String,
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    failure: Failure,
    patience: Duration,
    has_ended: bool,
}

impl Exporting {
    /// Sends the rest, and says whether all was taken.
    ///
    /// It blocks the thread, for as long as dropping would.
    ///
    /// # Errors
    ///
    /// If anything was lost since the export began.
    pub fn finish(mut self) -> Result<(), ExportError> {
        match self.end() {
            Some(reason) => Err(ExportError::Lost { endpoint: self.endpoint.clone(), reason }),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Option<String> {
        self.has_ended = true;
        let (tracers, meters) = (self.tracers.clone(), self.meters.clone());
        let (done, ended) = mpsc::channel();
        // The exporters have a patience of their own, which is not this one.
        let sending = thread::Builder::new().spawn(move || {
            let spans = tracers.shutdown();
            let metrics = meters.shutdown();
            // Whoever waited may have gone.
            done.send(spans.and(metrics)).ok();
        });
        let unsent = match sending.map(|_| ended.recv_timeout(self.patience)) {
            Ok(Ok(sent)) => sent.err().map(|error| error.to_string()),
            Ok(Err(_)) => Some(format!("it did not answer within {:?}", self.patience)),
            Err(error) => Some(error.to_string()),
        };
        self.failure.take().or(unsent)
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        if let Some(reason) = self.end() {
            let endpoint = &self.endpoint;
            tracing::warn!(endpoint, reason, "telemetry could not be exported");
        }
    }
}
