//! The way of traces: what records them, and the task that takes them to the collector.

use std::time::Duration;

use tracing::warn;

use super::ServeError;
use crate::config::Config;
use crate::drain::Drain;
use crate::telemetry::Metrics;
use crate::telemetry::trace::Tracer;
use crate::trust::{Checks, client_config};

/// What records, and how long it goes on.
pub(super) struct Traces {
    pub(super) tracer: Tracer,
    /// Ends last: whatever ends before it may have spans.
    drain: Drain,
}

impl Traces {
    /// Begins to take them where the configuration says, if it does.
    pub(super) fn begin(config: &Config, metrics: &Metrics) -> Result<Self, ServeError> {
        let drain = Drain::default();
        let Some(trace) = &config.trace else { return Ok(Self { tracer: Tracer::default(), drain }) };
        // In the clear nothing is verified, so a machine without roots will do.
        let checks = if trace.endpoint.is_encrypted() { Checks::ChainAndName } else { Checks::ChainIfGiven };
        let tls = client_config(checks, None).map_err(|error| ServeError::Start(format!("trace.endpoint: {error}")))?;
        let of = (config.region.as_str(), config.instance.name().unwrap_or_default());
        let (tracer, export) = Tracer::new(trace, tls, of, metrics.traces());
        let stopped = drain.clone();
        drain.spawn("traces", export.run(async move { stopped.stopped().await }));
        Ok(Self { tracer, drain })
    }

    /// Sends what there is still.
    pub(super) async fn end(&self, patience: Duration) {
        self.drain.stop();
        if !self.drain.finish(patience).await {
            warn!("the collector of traces does not take the last of them");
        }
    }
}
