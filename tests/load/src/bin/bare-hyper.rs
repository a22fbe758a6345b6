//! Yardstick for cache hits: hyper, with a certificate hyper and rustls, and nothing else: the same bytes for every request.
//! It reads the request body, as any server must, and looks at none of it. Left out: everything else.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Parser;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use load::{Acceptor, Outcome, answer_json, serve};

/// Answers every request with the bytes of one file.
#[derive(Parser)]
struct Options {
    /// The bytes to answer.
    #[arg(long)]
    body: PathBuf,
    /// The content type to answer.
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// A certificate (PEM), to speak TLS with.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Where to write the address once bound.
    #[arg(long)]
    ready_file: PathBuf,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let body = Bytes::from(std::fs::read(&options.body)?);
    let content_type = HeaderValue::from_str(&options.content_type)?;
    let files = options.tls_cert.zip(options.tls_key);
    let acceptor = files.map(|(cert, key)| Acceptor::load(&cert, &key)).transpose()?;
    serve(&options.ready_file, acceptor, move |request| {
        let (body, content_type) = (body.clone(), content_type.clone());
        async move {
            let status = match request.into_body().collect().await {
                Ok(_) => StatusCode::OK,
                Err(_) => StatusCode::BAD_REQUEST,
            };
            answer_json(status, content_type, body)
        }
    })
    .await
}
