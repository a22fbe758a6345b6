//! Yardstick for uncached reads: hyper, deadpool-postgres and tokio-postgres, the shortest way between them.
//! It parses the JSON request, takes one of ten connections, runs the statement prepared and renders the answer
//! of the proxy's `POST /sql`. Left out: routes, credentials, limits, deadlines, cancel, cleaning of connections,
//! batches, array mode, raw text, TLS, metrics, and every type but bool, int2, int4, int8 and text.

mod answer;
mod params;

use std::borrow::Cow;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Parser;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::TryStreamExt;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use load::{Outcome, answer_json, serve};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::params::TextParam;

/// Answers `POST /sql` over a pool.
#[derive(Parser)]
struct Options {
    /// The Postgres to ask.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: tokio_postgres::Config,
    /// Connections in the pool.
    #[arg(long, default_value_t = 10)]
    pool_max: usize,
    /// Where to write the address once bound.
    #[arg(long)]
    ready_file: PathBuf,
}

/// The part of the request body that this program understands.
#[derive(Deserialize)]
struct Ask<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(default)]
    params: Vec<Value>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(options.database_url, NoTls, recycling);
    let pool = Pool::builder(manager).max_size(options.pool_max).build()?;
    serve(&options.ready_file, move |request| {
        let pool = pool.clone();
        async move {
            let json = HeaderValue::from_static("application/json");
            match run(&pool, request.into_body()).await {
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

async fn run(pool: &Pool, body: Incoming) -> Outcome<Bytes> {
    let body = body.collect().await?.to_bytes();
    let ask: Ask = serde_json::from_slice(&body)?;
    let client = pool.get().await?;
    let statement = client.prepare_cached(&ask.query).await?;
    let params = ask.params.into_iter().map(TextParam);
    let rows = client.query_raw(&statement, params).await?.try_collect::<Vec<_>>().await?;
    drop(client);
    answer::render(&ask.query, statement.columns(), &rows)
}
