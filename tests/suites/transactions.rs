//! Transactions that stay open between requests, as SQL clients use them over plain HTTP.

mod commits;
mod ends;
mod limits;
pub(crate) mod open;
mod principals;
mod repeats;
mod room;
mod second;
mod settings;
mod steps;

use serde_json::{Value, json};

/// How many sessions wait for an advisory lock.
const GATED: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";

/// A query plan of one statement.
pub(crate) fn plan(sql: &str) -> Value {
    let statement = json!({ "type": "rawSql", "sql": sql, "args": [], "argTypes": [] });
    json!({ "operation": "queryRaw", "plan": { "type": "query", "args": statement }, "params": {} })
}
