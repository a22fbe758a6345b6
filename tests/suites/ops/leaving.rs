//! SIGTERM: readiness says no, accepting stops, what runs is finished, exit 0.

use bytes::Bytes;
use harness::{Database, Proxy, Signal, Wire, eventually, fresh_database};
use http_body_util::Full;
use hyper::StatusCode;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

async fn proxy(database: &Database, delay: &str) -> Proxy {
    let builder = Proxy::builder().database(database).env("POOL_PROXY_POOL_MAX", "1");
    builder.config(format!("drain_delay = \"{delay}\"\n[limits]\nqueue = \"60s\"")).start().await
}

fn slow(seconds: f32) -> Value {
    json!({ "query": format!("SELECT pg_sleep({seconds})::text AS slept") })
}

async fn pool(proxy: &Proxy) -> Value {
    proxy.ops_request("GET", "/pools").send().await.expect(200).body["pools"][0].clone()
}

async fn refuses(proxy: &Proxy) -> bool {
    let address = proxy.url().trim_start_matches("http://");
    TcpStream::connect(address).await.is_err()
}

#[tokio::test]
async fn what_runs_is_finished_new_connections_are_refused_and_the_exit_is_zero() {
    let database = fresh_database().await;
    let mut proxy = proxy(&database, "0s").await;
    let running = tokio::spawn(proxy.sql_request(&slow(3.0)).send());
    super::asleep(&database, 1).await;
    proxy.signal(Signal::Terminate);
    eventually(|| async { refuses(&proxy).await }).await;
    assert!(proxy.exited().is_none());
    assert_eq!(running.await.unwrap().expect(200).body["rowCount"], 1);
    assert!(proxy.terminate().await.success());
}

#[tokio::test]
async fn what_waits_for_a_connection_is_finished_too() {
    let database = fresh_database().await;
    let mut proxy = proxy(&database, "0s").await;
    let sent: Vec<_> = (0..3).map(|_| tokio::spawn(proxy.sql_request(&slow(2.0)).send())).collect();
    eventually(|| async { pool(&proxy).await["waiting"] == 2 }).await;
    proxy.signal(Signal::Terminate);
    for task in sent {
        task.await.unwrap().expect(200);
    }
    assert!(proxy.terminate().await.success());
}

#[tokio::test]
async fn readiness_says_no_before_accepting_stops() {
    let database = fresh_database().await;
    let mut proxy = proxy(&database, "30s").await;
    proxy.ops_request("GET", "/ready").send().await.expect(200);
    proxy.signal(Signal::Terminate);
    let ready = async || proxy.ops_request("GET", "/ready").send().await;
    eventually(|| async { ready().await.status == 503 }).await;
    let answer = ready().await.expect(503);
    assert_eq!(answer.body["ready"], false);
    assert!(answer.body["reason"].as_str().is_some_and(|reason| reason.contains("stop")), "{}", answer.text);
    let answer = proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    // The next request takes another connection, so none is lost with the last.
    assert_eq!(answer.header("connection"), "close");
    assert!(!refuses(&proxy).await);
}

/// A client over HTTP/2: its side, and when the connection has ended.
async fn over_http2(proxy: &Proxy) -> (http2::SendRequest<Full<Bytes>>, JoinHandle<()>) {
    let socket = TcpStream::connect(proxy.url().trim_start_matches("http://")).await.unwrap();
    let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await;
    let (client, connection) = shaken.unwrap();
    (client, tokio::spawn(async move { connection.await.unwrap() }))
}

async fn ask_over_http2(proxy: &Proxy, client: &mut http2::SendRequest<Full<Bytes>>, body: &Value) -> StatusCode {
    let request = hyper::Request::post(format!("{}/sql", proxy.url()));
    let request = request.header("authorization", format!("Bearer {}", proxy.key()));
    let answer = client.send_request(request.body(Full::new(body.to_string().into())).unwrap()).await.unwrap();
    answer.status()
}

/// Over HTTP/2 the connection says goodbye while all goes on: what runs on it is finished, and a new one is served.
#[tokio::test]
async fn over_http2_clients_are_sent_away_while_the_listener_is_open() {
    let database = fresh_database().await;
    let mut proxy = proxy(&database, "30s").await;
    let (mut client, ended) = over_http2(&proxy).await;
    assert_eq!(ask_over_http2(&proxy, &mut client, &json!({ "query": "SELECT 1" })).await, 200);
    let (mut busy, busy_ended) = over_http2(&proxy).await;
    let ready = async || proxy.ops_request("GET", "/ready").send().await.status;
    let sleep = slow(2.0);
    let running = ask_over_http2(&proxy, &mut busy, &sleep);
    let (status, ()) = tokio::join!(running, async {
        super::asleep(&database, 1).await;
        let told = std::process::Command::new("kill").arg(proxy.pid().to_string()).status();
        assert!(told.unwrap().success());
        eventually(|| async { ready().await == 503 }).await;
    });
    assert_eq!(status, 200);
    // Long before the delay is over.
    for ended in [ended, busy_ended] {
        tokio::time::timeout(std::time::Duration::from_secs(15), ended).await.expect("it stays open").unwrap();
    }
    let (mut late, _) = over_http2(&proxy).await;
    assert_eq!(ask_over_http2(&proxy, &mut late, &json!({ "query": "SELECT 1" })).await, 200);
    proxy.kill();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_it_up_and_none_to_postgres_is_left() {
    let database = fresh_database().await;
    let mut proxy = proxy(&database, "0s").await;
    // One that has sent nothing, and one that is kept alive.
    let silent = Wire::open(&proxy).await;
    proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    proxy.signal(Signal::Terminate);
    eventually(|| async { refuses(&proxy).await }).await;
    let exit = std::pin::pin!(async { proxy.terminate().await });
    let status = tokio::time::timeout(std::time::Duration::from_secs(20), exit).await;
    assert!(status.expect("it waits for connections that ask nothing").success());
    drop(silent);
    let client = database.client().await;
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually(|| async { client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0 }).await;
}

#[tokio::test]
async fn a_background_refresh_is_finished() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE words (word text)").await;
    let mut proxy = proxy(&database, "0s").await;
    let ask = || {
        let request = proxy.sql_request(&json!({ "query": "SELECT word FROM words" }));
        request.header("cache-control", "max-age=0, stale-while-revalidate=60").send()
    };
    ask().await.expect(200);
    let client = database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE words IN ACCESS EXCLUSIVE MODE").await.unwrap();
    ask().await.expect(200);
    let watch = database.client().await;
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE datname = current_database() AND NOT granted";
    eventually(|| async { watch.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 1 }).await;
    proxy.signal(Signal::Terminate);
    eventually(|| async { refuses(&proxy).await }).await;
    client.batch_execute("COMMIT").await.unwrap();
    assert!(proxy.terminate().await.success());
}
