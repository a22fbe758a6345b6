//! All test suites in one binary: each plays a user against the real proxy and a real Postgres.

mod deploy;
mod pool;
mod restricted;
mod sql;
