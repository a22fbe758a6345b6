//! What the doors of the public listener share.

use std::sync::Arc;

use hyper::header::HeaderValue;

use super::gzip::Gzip;
use super::ledger::Ledger;
use super::terms::Terms;
use crate::auth::Auth;
use crate::gateway::Gateway;
use crate::plan::Plans;
use crate::telemetry::Metrics;
use crate::telemetry::trace::Tracer;

/// Everything the public listener's doors need.
pub struct Public {
    /// Runs their calls.
    pub gateway: Arc<Gateway>,
    /// Knows who asks.
    pub auth: Arc<Auth>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The region's name, if it has one.
    pub region: Option<HeaderValue>,
    /// Origins that browsers may ask from; `*` for any.
    pub cors_origins: Vec<String>,
    /// What clients are granted.
    pub terms: Terms,
    /// What they make the process hold.
    pub ledger: Ledger,
    /// Records those that are sampled.
    pub tracer: Tracer,
    /// Query plans that came before.
    pub plans: Plans,
    /// Makes answers smaller.
    pub gzip: Gzip,
}
