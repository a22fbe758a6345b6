//! Logs and metrics: how they are written, and the metrics that exist.

pub mod log;
pub mod metrics;

pub use metrics::{ClientMetrics, DatabaseMetrics, Metrics};
