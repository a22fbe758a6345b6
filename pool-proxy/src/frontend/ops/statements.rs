//! `GET /statements`: what the databases are asked, and what that costs. `DELETE /statements`: from now on.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::frontend::reply::{self, Reply};
use crate::gateway::Gateway;
use crate::gateway::statistics::Statement;

/// How many are told, unless somebody says otherwise.
const LIMIT: usize = 50;

/// What comes first.
#[derive(Clone, Copy, Default)]
enum Order {
    /// What took most of the database's time.
    #[default]
    Time,
    Calls,
    Mean,
    Max,
    Rows,
    Bytes,
    Hits,
    Errors,
}

impl Order {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "time" => Self::Time,
            "calls" => Self::Calls,
            "mean" => Self::Mean,
            "max" => Self::Max,
            "rows" => Self::Rows,
            "bytes" => Self::Bytes,
            "hits" => Self::Hits,
            "errors" => Self::Errors,
            _ => return None,
        })
    }

    fn weight(self, statement: &Statement) -> u128 {
        let figures = &statement.figures;
        match self {
            Self::Time => figures.total.as_nanos(),
            Self::Calls => figures.calls.into(),
            Self::Mean => figures.mean().as_nanos(),
            Self::Max => figures.longest.as_nanos(),
            Self::Rows => figures.rows.into(),
            Self::Bytes => figures.bytes.into(),
            Self::Hits => figures.hits.into(),
            Self::Errors => figures.errors.into(),
        }
    }
}

/// What is asked for.
struct Wish {
    order: Order,
    limit: usize,
    database: Option<String>,
}

impl Wish {
    fn parse(query: Option<&str>) -> Result<Self, Failure> {
        let mut wish = Self { order: Order::default(), limit: LIMIT, database: None };
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let refused = |expected: &str| Failure::BadRequest(format!("{name}: expected {expected}"));
            match name {
                "order" => {
                    let orders = "time, calls, mean, max, rows, bytes, hits or errors";
                    wish.order = Order::parse(value).ok_or_else(|| refused(orders))?;
                }
                "limit" => wish.limit = value.parse().map_err(|_| refused("a whole number"))?,
                "database" => {
                    let name = percent_decode_str(value).decode_utf8().map_err(|_| refused("UTF-8"))?;
                    wish.database = Some(name.into_owned());
                }
                _ => {
                    let message = "the parameters here are order, limit and database";
                    return Err(Failure::BadRequest(message.to_owned()));
                }
            }
        }
        Ok(wish)
    }
}

/// The statements, those with most of what is asked for first.
///
/// # Errors
/// [`Failure::BadRequest`] for a wish that is none.
pub(super) fn list(gateway: &Gateway, query: Option<&str>) -> Result<Reply, Failure> {
    let Wish { order, limit, database } = Wish::parse(query)?;
    let mut statements = gateway.statements();
    let total = statements.len();
    if let Some(database) = &database {
        statements.retain(|statement| *statement.database == **database);
    }
    statements.sort_by_cached_key(|statement| (Reverse(order.weight(statement)), statement.fingerprint()));
    let mut not_kept: BTreeMap<&str, u64> = BTreeMap::new();
    for statement in &statements {
        if let Some(Err(word)) = statement.cacheable {
            *not_kept.entry(word).or_default() += statement.figures.calls;
        }
    }
    let told: Vec<Value> = statements.iter().take(limit).map(tell).collect();
    let body =
        json!({ "statements": told, "known": total, "evicted": gateway.statements_evicted(), "not_kept": not_kept });
    Ok(reply::json(StatusCode::OK, body.to_string()))
}

fn tell(statement: &Statement) -> Value {
    let figures = &statement.figures;
    json!({
        "database": &*statement.database,
        "fingerprint": format!("{:016x}", statement.fingerprint()),
        "text": statement.text(),
        "calls": figures.calls,
        "errors": figures.errors,
        "total_ms": millis(figures.total),
        "min_ms": millis(figures.shortest),
        "mean_ms": millis(figures.mean()),
        "max_ms": millis(figures.longest),
        "rows": figures.rows,
        "bytes": figures.bytes,
        "hits": figures.hits,
        "cacheable": statement.cacheable.map(|cacheable| cacheable.is_ok()),
        "why_not": statement.cacheable.and_then(Result::err),
    })
}

/// To the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Everything begins at zero.
pub(super) fn reset(gateway: &Gateway) -> Reply {
    gateway.reset_statements();
    reply::json(StatusCode::OK, "{}")
}
