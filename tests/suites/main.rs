//! All test suites in one binary: each plays a user against the real proxy and a real Postgres.

mod accelerate;
mod cache;
mod chaos;
mod check;
mod clients;
mod coherence;
mod config;
mod deploy;
mod edge;
mod house;
mod idempotency;
mod keys_command;
mod limits;
mod migrations;
mod ops;
mod pool;
mod pool_client;
mod readme;
mod relay;
mod restricted;
mod sql;
mod statement;
mod tls;
mod tokens;
mod transactions;
mod types;
