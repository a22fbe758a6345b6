//! Fly's proxy in front of several machines, as far as interactive transactions need it: a request goes to any of them, and
//! once more to another where the first says so (<https://fly.io/docs/networking/dynamic-request-routing/>).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use harness::{Answer, Database, Proxy, fresh_database};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const KEY: &str = "a key that all machines know";
/// What Fly keeps of a body to send it again, in bytes.
const MOST: usize = 1 << 20;

/// Two machines of one app, and what the proxy before them has done.
struct Fly {
    machines: [(&'static str, Proxy); 2],
    next: AtomicUsize,
    replayed: AtomicUsize,
}

impl Fly {
    async fn start(database: &Database) -> (Arc<Self>, String) {
        let machine =
            |id: &'static str| Proxy::builder().database(database).key(KEY).env("POOL_PROXY_INSTANCE", id).start();
        let machines = [("d8d9", machine("d8d9").await), ("e1e2", machine("e1e2").await)];
        let fly = Arc::new(Self { machines, next: AtomicUsize::new(0), replayed: AtomicUsize::new(0) });
        let router = Router::new().fallback(route).with_state(Arc::clone(&fly));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (fly, url)
    }

    /// Asks one machine.
    async fn ask(&self, machine: &Proxy, head: &axum::http::request::Parts, body: &[u8]) -> Answer {
        let mut request = machine.request(head.method.as_str(), &head.uri.to_string());
        for (name, value) in
            head.headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
        {
            request = request.header(name.as_str(), value.to_str().unwrap());
        }
        request.body(body.to_vec()).send().await
    }
}

async fn route(State(fly): State<Arc<Fly>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MOST).await.unwrap();
    // By turns, so that no step meets the machine of the last one.
    let (_, machine) = &fly.machines[fly.next.fetch_add(1, Ordering::Relaxed) % 2];
    let mut answer = fly.ask(machine, &head, &body).await;
    if let Some(id) = answer.header("fly-replay").strip_prefix("instance=") {
        fly.replayed.fetch_add(1, Ordering::Relaxed);
        match fly.machines.iter().find(|(known, _)| *known == id) {
            Some((_, machine)) => answer = fly.ask(machine, &head, &body).await,
            None => {
                return Response::builder()
                    .status(StatusCode::BAD_GATEWAY)
                    .body(Body::from("no such machine"))
                    .unwrap();
            }
        }
    }
    let mut given = Response::builder().status(answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| name.as_str() != "transfer-encoding") {
        given = given.header(name, value);
    }
    given.body(Body::from(answer.bytes)).unwrap()
}

async fn post(url: &str, path: &str, transaction: Option<&str>, body: &Value) -> Answer {
    let request = harness::Request::to("POST", format!("{url}{path}")).bearer(KEY).json(body);
    match transaction {
        Some(id) => request.header("Pool-Transaction", id).send().await,
        None => request.send().await,
    }
}

async fn begin(url: &str) -> String {
    let options = json!({ "maxWait": 5000, "timeout": 15000 });
    post(url, "/transaction/start", None, &options).await.expect(200).body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn steps_of_sql_find_the_machine_of_their_transaction() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE t (a int)").await;
    let (fly, url) = Fly::start(&database).await;
    for end in ["commit", "rollback"] {
        let id = begin(&url).await;
        for n in 0..5 {
            let insert = json!({ "query": "INSERT INTO t VALUES ($1)", "params": [n] });
            post(&url, "/sql", Some(&id), &insert).await.expect(200);
        }
        let count =
            post(&url, "/sql", Some(&id), &json!({ "query": "SELECT count(*)::int AS n FROM t" })).await.expect(200);
        assert!(count.body["rows"][0]["n"].as_i64().is_some_and(|n| n >= 5), "{}", count.text);
        post(&url, &format!("/transaction/{id}/{end}"), None, &json!({})).await.expect(200);
    }
    let rows = post(&url, "/sql", None, &json!({ "query": "SELECT count(*)::int AS n FROM t" })).await.expect(200);
    assert_eq!(rows.body["rows"][0]["n"], 5);
    assert!(fly.replayed.load(Ordering::Relaxed) >= 4, "all of it met its machine by chance");
}

#[tokio::test]
async fn plans_find_the_machine_of_their_transaction() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE t (a int)").await;
    let (fly, url) = Fly::start(&database).await;
    let plan = |kind: &str, sql: &str| {
        let query = json!({ "type": "rawSql", "sql": sql, "args": [], "argTypes": [] });
        json!({ "operation": "queryRaw", "params": {}, "plan": { "type": kind, "args": query } })
    };
    let id = begin(&url).await;
    for _ in 0..4 {
        post(&url, &format!("/transaction/{id}/query"), None, &plan("execute", "INSERT INTO t VALUES (1)"))
            .await
            .expect(200);
    }
    post(&url, &format!("/transaction/{id}/commit"), None, &json!({})).await.expect(200);
    let rows = post(&url, "/query", None, &plan("query", "SELECT count(*)::int FROM t")).await.expect(200);
    assert_eq!(rows.body["data"]["rows"][0][0], 4, "{}", rows.text);
    assert!(fly.replayed.load(Ordering::Relaxed) >= 2, "all of it met its machine by chance");
    // One whose machine is gone is told so by Fly, not sent around for ever.
    let gone = id.replace("d8d9", "gone").replace("e1e2", "gone");
    post(&url, &format!("/transaction/{gone}/commit"), None, &json!({})).await.expect(502);
}
