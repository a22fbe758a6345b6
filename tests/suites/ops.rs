//! What operators rely on: views, metrics, logs, an orderly end, a configuration that changes while requests run, TLS.

mod encrypted;
mod headers;
mod leaving;
mod logs;
mod metrics;
mod reload;
mod views;
