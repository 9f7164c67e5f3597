//! Which names telemetry goes by.

/// The edition of OpenTelemetry's conventions for generative AI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conventions {
    /// Version 1.41, the last that came with the other conventions of OpenTelemetry. The durations
    /// of tools and agents, for which it has no metrics, have their newer names.
    #[default]
    V1_41,
    /// What came after, in the repository that the conventions for generative AI have of their own:
    /// metrics of model calls are `…client.inference…`, tokens have a metric for each direction, and
    /// agents name neither provider nor cached tokens.
    Newest,
}

impl Conventions {
    /// What `OTEL_SEMCONV_STABILITY_OPT_IN` asks for: names with commas between them, among which
    /// `gen_ai_latest_experimental` means the newest.
    ///
    /// ```
    /// use siumai_otel::Conventions;
    ///
    /// let opt_in = "http/dup, gen_ai_latest_experimental";
    /// assert_eq!(Conventions::opted_in(opt_in), Conventions::Newest);
    /// assert_eq!(Conventions::opted_in("http"), Conventions::V1_41);
    /// ```
    pub fn opted_in(opt_in: &str) -> Self {
        let mut names = opt_in.split(',').map(str::trim);
        if names.any(|it| it == "gen_ai_latest_experimental") { Self::Newest } else { Self::V1_41 }
    }
}
