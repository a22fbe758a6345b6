//! Logs, metrics and traces: how they are written, and which there are.

pub mod log;
pub mod metrics;
pub mod statement;
pub mod trace;

pub use metrics::{ClientMetrics, DatabaseMetrics, Metrics};
