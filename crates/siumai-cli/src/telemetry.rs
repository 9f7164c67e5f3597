//! Telemetry of a run, where the environment names a collector. Whatever becomes of it, the run goes on.
use std::{io::Write, time::Duration};

use siumai::otel::{ExportError, Exporting, Otlp};

use crate::render::{paint, printable};

/// How long somebody at a terminal waits for a collector.
const PATIENCE: Duration = Duration::from_secs(2);

/// An export under way, if there is one.
pub(crate) struct Telemetry {
    exporting: Option<Exporting>,
    is_quiet: bool,
}

impl Telemetry {
    /// Begins to export, if that was asked for and can be done.
    pub(crate) fn begin(otlp: Option<Otlp>, is_quiet: bool) -> Self {
        let mut telemetry = Self { exporting: None, is_quiet };
        let otlp = otlp.map(|it| it.patience(PATIENCE));
        match otlp.map(Otlp::install).transpose() {
            Ok(exporting) => telemetry.exporting = exporting,
            Err(error) => telemetry.warn(&error),
        }
        telemetry
    }

    /// Sends the rest, and says so if not all was taken.
    pub(crate) fn end(mut self) {
        if let Some(Err(error)) = self.exporting.take().map(Exporting::finish) {
            self.warn(&error);
        }
    }

    fn warn(&self, error: &ExportError) {
        if self.is_quiet {
            return;
        }
        let (on, off) = (paint::WARNING.render(), paint::WARNING.render_reset());
        let error = error.to_string();
        // Without standard error, nobody is there to be told.
        writeln!(anstream::stderr(), "{on}warning:{off} {}", printable(&error)).ok();
    }
}
