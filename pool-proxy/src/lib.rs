//! pool-proxy: lets thousands of stateless clients share a few Postgres connections and a query cache.
//!
//! ARCHITECTURE.md has the plan of the house.

pub mod app;
pub mod auth;
pub mod cache;
pub mod coherence;
pub mod config;
pub mod drain;
pub mod error;
pub mod frontend;
pub mod gateway;
pub mod plan;
pub mod pool;
pub mod postgres;
pub mod statement;
pub mod telemetry;
pub mod trust;
pub mod upstream;
