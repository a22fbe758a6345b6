//! Logs and metrics: how they are written, and the metrics that exist.

pub mod log;
pub mod metrics;
pub mod statement;

pub use metrics::{ClientMetrics, DatabaseMetrics, Metrics};
