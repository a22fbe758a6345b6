//! Yardstick for uncached reads: hyper, deadpool-postgres and tokio-postgres, the shortest way between them.
//! It parses the JSON request, takes one of ten connections, runs the statement prepared and renders the answer
//! of the proxy's `POST /sql`. Left out: routes, credentials, limits, deadlines, cancel, cleaning of connections,
//! options of batches, array mode, raw text, TLS, metrics, and every type but bool, int2, int4, int8 and text.

//! With `--pipelined` it has no pool: all requests go down one connection, one behind the other, without waiting.

mod answer;
mod database;
mod params;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use load::{Outcome, answer_json, serve};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Database;

/// Answers `POST /sql` over a pool.
#[derive(Parser)]
struct Options {
    /// The Postgres to ask.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: tokio_postgres::Config,
    /// Connections in the pool.
    #[arg(long, default_value_t = 10)]
    pool_max: usize,
    /// One pipelined connection instead of the pool.
    #[arg(long)]
    pipelined: bool,
    /// Where to write the address once bound.
    #[arg(long)]
    ready_file: PathBuf,
}

/// The part of the request body that this program understands.
#[derive(Deserialize)]
struct Ask<'a> {
    #[serde(borrow)]
    query: Option<Cow<'a, str>>,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(borrow, default)]
    queries: Vec<One<'a>>,
}

/// A statement of a batch.
#[derive(Deserialize)]
struct One<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(default)]
    params: Vec<Value>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let database = if options.pipelined {
        Database::pipelined(&options.database_url).await?
    } else {
        Database::pool(options.database_url, options.pool_max)?
    };
    let database = Arc::new(database);
    serve(&options.ready_file, None, move |request| {
        let database = Arc::clone(&database);
        async move {
            let json = HeaderValue::from_static("application/json");
            match run(&database, request.into_body()).await {
                Ok(body) => answer_json(StatusCode::OK, json, body),
                Err(failure) => {
                    let message = json!({ "message": failure.to_string() }).to_string();
                    answer_json(StatusCode::BAD_REQUEST, json, message.into())
                }
            }
        }
    })
    .await
}

async fn run(database: &Database, body: Incoming) -> Outcome<Bytes> {
    let body = body.collect().await?.to_bytes();
    let ask: Ask = serde_json::from_slice(&body)?;
    if let Some(query) = ask.query {
        let (statement, rows) = database.rows(&query, ask.params).await?;
        return Ok(answer::one(&query, statement.columns(), &rows)?.into());
    }
    let (queries, params): (Vec<_>, Vec<_>) = ask.queries.into_iter().map(|one| (one.query, one.params)).unzip();
    let results = database.batch(&queries, params).await?;
    answer::batch(&queries, &results)
}
