//! Telemetry of siumai as OpenTelemetry wants it: spans and metrics, exported over OTLP.
//!
//! The core tells of runs in [spans](siumai_core::telemetry) and knows nothing of OpenTelemetry.
//! Here they are exported, and metrics made of them:
//!
//! ```no_run
//! use siumai_otel::{ExportError, Otlp};
//!
//! # fn main() -> Result<(), ExportError> {
//! let export = Otlp::new().endpoint("http://localhost:4318").service_name("my-app").install()?;
//! // … runs …
//! export.finish()
//! # }
//! ```
//!
//! | to | use |
//! |---|---|
//! | export over OTLP, HTTP with protobuf, and be done | [`Otlp::install`] |
//! | the same beside other layers of a subscriber | [`Otlp::layer`] |
//! | have the metrics with a meter of your own | [`Metrics`] |
//! | have the spans in an exporter of your own | [`SpanNames`] around it |
//!
//! Exporting happens on threads of its own, in batches. A collector that is slow or gone costs a
//! run nothing: what does not fit into the queue is lost. [`Exporting::finish`] tells of whatever
//! the collector did not take.
mod conventions;
mod error;
mod metrics;
mod otlp;
mod spans;
mod watched;

pub use self::{
    conventions::Conventions,
    error::ExportError,
    metrics::Metrics,
    otlp::{Exporting, Otlp},
    spans::{SpanNames, layer},
};
