//! Why something can't be exported.
use std::error::Error;

/// Why telemetry can't be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The exporter can't be built as it is configured.
    #[error("telemetry can't be exported to {endpoint}: {reason}")]
    Configuration {
        /// Where to.
        endpoint: String,
        /// What is wrong.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// Something was not taken by the collector.
    #[error("telemetry could not be exported to {endpoint}, and some of it is lost: {reason}")]
    Lost {
        /// Where to.
        endpoint: String,
        /// What the last attempt failed with.
        reason: String,
    },
    /// The process has another subscriber.
    #[error(
        "telemetry can't be exported: the process has a subscriber of `tracing` already; add \
         `Otlp::layer` to that one"
    )]
    SubscriberSet,
}
