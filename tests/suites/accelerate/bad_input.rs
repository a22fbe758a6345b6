//! What no client of Prisma's sends: each gets an answer that says what is wrong, and the pool is as it was.

mod bombs;
mod depth;
mod growing;
mod plans;
mod refusals;
mod requests;
mod spoiled;
mod transactions;
mod values;

use bytes::Bytes;
use harness::{Answer, ProxyBuilder, Request, eventually};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::sql::served::Served;

/// Texts that must not come to light anywhere.
const SECRET: &str = "a-value-nobody-else-may-read";

const SETUP: &str = r#"CREATE TABLE "User" (id int PRIMARY KEY, email text UNIQUE, name text, born timestamp(3), meta jsonb);
    INSERT INTO "User" VALUES (1, 'a@x.io', 'A', '2024-01-02 03:04:05', '{"k": 1}'), (2, 'b@x.io', NULL, NULL, NULL)"#;

/// A proxy with one connection, so that whatever is left on it meets the next request.
struct Door {
    served: Served,
    /// The process behind the connection.
    backend: Value,
}

impl Door {
    async fn open() -> Self {
        Self::with(|proxy| proxy.env("POOL_PROXY_POOL_MAX", "1").env("POOL_PROXY_POOL_MIN_IDLE", "1")).await
    }

    async fn with(settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let served = Served::with(SETUP, settings).await;
        let backend = backend(&served).await;
        Self { served, backend }
    }

    /// A request with the key and this body, which is said to be JSON.
    fn post(&self, path: &str, body: impl Into<Bytes>) -> Request {
        let proxy = &self.served.proxy;
        proxy.request("POST", path).bearer(proxy.key()).header("content-type", "application/json").body(body)
    }

    /// The answer to a plan.
    async fn ask(&self, plan: &Value, params: &Value) -> Answer {
        let body = json!({ "model": "User", "operation": "findMany", "plan": plan, "params": params });
        self.post("/query", body.to_string()).send().await
    }

    /// The answer to a plan, and what follows it, as they are written.
    async fn ask_text(&self, plan: &str, params: &str) -> Answer {
        let body = format!(r#"{{"operation":"findMany","plan":{plan},"params":{params}}}"#);
        self.post("/query", body).send().await
    }

    /// Nothing has happened: no panic, no value in the log, the same connection, and it works.
    async fn check(mut self) {
        let proxy = &mut self.served.proxy;
        assert!(proxy.exited().is_none(), "the proxy has ended: {}", proxy.stderr());
        let log = proxy.stderr();
        assert!(!log.contains("panicked"), "{log}");
        assert!(!log.contains(SECRET), "{log}");
        eventually(|| async { pool(&self.served).await["active"] == 0 }).await;
        assert_eq!(backend(&self.served).await, self.backend, "another connection: {log}");
        assert_eq!(self.served.postgres(r#"SELECT count(*) FROM "User""#).await, "2");
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
        assert_eq!(self.served.postgres(open).await, "0");
    }
}

async fn pool(served: &Served) -> Value {
    served.proxy.ops_request("GET", "/pools").send().await.expect(200).body["pools"][0].clone()
}

/// The process that answers a plan.
async fn backend(served: &Served) -> Value {
    let plan = raw("SELECT pg_backend_pid()");
    let body = json!({ "operation": "queryRaw", "plan": plan, "params": {} });
    let asked = served.proxy.request("POST", "/query").bearer(served.proxy.key()).json(&body);
    asked.send().await.expect(200).body["data"]["rows"][0][0].clone()
}

/// A raw query without parameters.
fn raw(sql: &str) -> Value {
    json!({ "type": "query", "args": { "type": "rawSql", "sql": sql, "args": [], "argTypes": [] } })
}

/// A query of these fragments, with this argument.
fn template(fragments: &Value, arguments: &Value) -> Value {
    let scalar = json!({ "arity": "scalar", "scalarType": "int", "dbType": "INTEGER" });
    let types = vec![scalar; arguments.as_array().map_or(0, Vec::len)];
    json!({ "type": "query", "args": {
        "type": "templateSql", "fragments": fragments, "args": arguments, "argTypes": types,
        "placeholderFormat": { "prefix": "$", "hasNumbering": true }, "chunkable": false,
    } })
}

/// Refused, in the words that Prisma's clients read: JSON with `error` and, where there is one, a `code`.
#[track_caller]
fn refused(answer: &Answer, sent: &str) {
    let said = answer.text.chars().take(500).collect::<String>();
    let sent = sent.chars().take(1000).collect::<String>();
    assert!(answer.status.is_client_error(), "{} {said}: {sent}", answer.status);
    check_words(answer, &sent);
}

/// Refused as above, or for its size.
#[track_caller]
fn refused_or_too_much(answer: &Answer, sent: &str) {
    if matches!(answer.status.as_u16(), 504 | 507) { check_words(answer, sent) } else { refused(answer, sent) }
}

/// Refused as above, or answered.
#[track_caller]
fn told(answer: &Answer, sent: &str) {
    if answer.status != 200 {
        return refused(answer, sent);
    }
    let sent = sent.chars().take(1000).collect::<String>();
    // Read without making anything of it, since it may be as deep as what was sent.
    let json: Result<&RawValue, _> = serde_json::from_str(&answer.text);
    assert!(json.is_ok_and(|json| json.get().starts_with('{')), "{}: {sent}", answer.text);
}

#[track_caller]
fn check_words(answer: &Answer, sent: &str) {
    let said = answer.text.chars().take(500).collect::<String>();
    assert!(answer.header("content-type").starts_with("application/json"), "{said}: {sent}");
    assert!(answer.body["error"].as_str().is_some_and(|error| !error.is_empty()), "{said}: {sent}");
    let code = &answer.body["code"];
    assert!(code.is_null() || code.as_str().is_some_and(is_code), "{said}: {sent}");
}

/// Such as `P2025`.
fn is_code(code: &str) -> bool {
    code.len() == 5 && code.strip_prefix('P').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `middle` inside of so many pairs.
fn nested(open: &str, middle: &str, close: &str, depth: usize) -> String {
    [&open.repeat(depth), middle, &close.repeat(depth)].concat()
}
