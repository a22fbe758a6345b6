//! Clients that take their time: with a head, a body, a handshake, or with reading their answer.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use harness::{Answer, Folder, Proxy, Wire, eventually, fresh_database};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::sql::served::Served;

async fn impatient() -> Served {
    let config = "[clients]\nheader_timeout = \"500ms\"\nbody_timeout = \"500ms\"";
    Served::with("", |proxy| proxy.config(config)).await
}

fn is_late(answer: Answer) {
    let late = answer.expect(408);
    assert_eq!(late.header("connection"), "close");
    assert!(late.header("content-type").starts_with("application/json"), "{:?}", late.headers);
    assert_ne!(late.header("x-request-id"), "");
    assert!(late.body["message"].is_string() && late.body["requestId"].is_string(), "{}", late.text);
}

#[tokio::test]
async fn a_head_that_dribbles_is_408() {
    let served = impatient().await;
    let mut first = Wire::open(&served.proxy).await;
    first.write("POST /sql HTTP/1.1\r\nx: ").await;
    is_late(first.dribble().await);
    // Also as a later one of its connection, and where the connection has idled before.
    for pause in [0, 2500] {
        let mut later = Wire::open(&served.proxy).await;
        later.ask("SELECT 1", 200).await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        later.write("POST /sql HTTP/1.1\r\nx: ").await;
        is_late(later.dribble().await);
    }
}

#[tokio::test]
async fn a_body_that_dribbles_is_408() {
    let served = impatient().await;
    let mut client = Wire::open(&served.proxy).await;
    client.write(client.head("content-length: 1000000\r\n")).await;
    is_late(client.dribble().await);
    assert_eq!(served.value("SELECT 1").await, 1);
}

/// A connection that speaks HTTP/2, with hardly any room for answers.
async fn http2<B>(proxy: &Proxy) -> http2::SendRequest<B>
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let socket = Wire::open(proxy).await.into_socket();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1024);
    let (sender, connection) = builder.handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn post(proxy: &Proxy) -> hyper::http::request::Builder {
    let uri = format!("{}/sql", proxy.url());
    hyper::Request::post(uri).header("authorization", format!("Bearer {}", proxy.key()))
}

#[tokio::test]
async fn a_body_that_never_comes_is_408_over_http2_too() {
    let served = impatient().await;
    let mut sender = http2(&served.proxy).await;
    let first = futures_util::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{")))]);
    let body = StreamBody::new(Box::pin(first.chain(futures_util::stream::pending())));
    let answer = sender.send_request(post(&served.proxy).body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 408);
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(serde_json::from_slice::<serde_json::Value>(&text).unwrap()["message"].is_string());
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_dropped() {
    let served = impatient().await;
    let mut client = Wire::narrow(&served.proxy).await;
    client.write(client.request("SELECT repeat('x', 9000000)")).await;
    eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await > 8e6 }).await;
    eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await < 1e6 }).await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_dropped_over_http2_too() {
    let served = impatient().await;
    let mut sender = http2(&served.proxy).await;
    let body = serde_json::json!({ "query": "SELECT repeat('x', 40000)" }).to_string();
    let body = http_body_util::Full::new(Bytes::from(body));
    let answer = sender.send_request(post(&served.proxy).body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await > 3e4 }).await;
    eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await < 1.0 }).await;
    drop(answer);
}

#[tokio::test]
async fn who_does_not_encrypt_in_time_is_closed() {
    let database = fresh_database().await;
    let folder = Folder::new();
    let proxy = folder
        .encrypts(Proxy::builder().database(&database))
        .config("[clients]\nheader_timeout = \"500ms\"")
        .start()
        .await;
    assert!(Wire::open(&proxy).await.is_closed().await);
    let mut client = Wire::open(&proxy).await;
    // The first bytes of a ClientHello.
    client.write("\u{16}\u{3}\u{1}").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_is_kept_and_loses_nothing() {
    let served = impatient().await;
    let mut client = Wire::open(&served.proxy).await;
    for _ in 0..2 {
        client.ask("SELECT 'one'", 200).await;
        // Longer than a head may take, and than its buffers are kept.
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
    // Two requests at once, and most of a third.
    let two = [client.request("SELECT 'two'"), client.request("SELECT 'three'")].concat();
    let third = client.request("SELECT 'four'");
    let (before, after) = third.split_at(third.len() - 10);
    client.write([&two, before].concat()).await;
    assert!(client.answer().await.text.contains("two"));
    assert!(client.answer().await.text.contains("three"));
    client.write(after).await;
    assert!(client.answer().await.text.contains("four"));
}
