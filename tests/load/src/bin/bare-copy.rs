//! Yardstick for long answers: what Postgres says goes on as it comes. Postgres itself makes JSON of the rows (`row_to_json`) and sends
//! it by COPY; this program receives it with tokio-postgres and sends it with hyper, in one piece and with its length, as any answer
//! that may still fail. Left out: everything else. Parameters, too.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use clap::Parser;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::{StreamExt, pin_mut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use load::{Outcome, answer_json, serve};
use serde::Deserialize;
use serde_json::json;
use tokio_postgres::NoTls;

/// Answers `POST /sql` with the rows alone, one a line.
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

#[derive(Deserialize)]
struct Ask {
    query: String,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(options.database_url, NoTls, recycling);
    let pool = Pool::builder(manager).max_size(options.pool_max).build()?;
    serve(&options.ready_file, None, move |request| {
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
    let Ask { query } = serde_json::from_slice(&body)?;
    let client = pool.get().await?;
    let rows = client.copy_out(&format!("COPY (SELECT row_to_json(row) FROM ({query}) row) TO STDOUT")).await?;
    pin_mut!(rows);
    let mut all = BytesMut::new();
    while let Some(row) = rows.next().await {
        all.extend_from_slice(&row?);
    }
    Ok(all.freeze())
}
