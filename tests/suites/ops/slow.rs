//! Statements that take long are logged: for whom, how long, and never with a value.

use harness::{Proxy, eventually, key_entry};
use serde_json::{Value, json};

use crate::sql::served::Served;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The lines about slow statements.
fn slow(proxy: &Proxy) -> Vec<Value> {
    let log = proxy.stderr();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "slow statement").collect()
}

/// The one line about a request, once it is there.
async fn of(proxy: &Proxy, id: &str) -> Value {
    eventually(|| async {
        let mut found = slow(proxy).into_iter().filter(|line| line["request_id"] == id);
        match (found.next(), found.next()) {
            (Some(line), None) => Ok(line),
            _ => Err(proxy.stderr()),
        }
    })
    .await
}

async fn served(limit: &str) -> Served {
    let setup = "CREATE TABLE fish (name text); INSERT INTO fish VALUES ('a'), ('b')";
    let (log, limit) = ("json,debug".to_owned(), limit.to_owned());
    Served::with(setup, |proxy| {
        proxy.env("POOL_PROXY_LOG", log).env("POOL_PROXY_SLOW_QUERY", limit).config("[limits]\nquery = \"1s\"")
    })
    .await
}

#[tokio::test]
async fn a_slow_statement_is_logged_with_what_there_is_to_know() {
    let served = served("200ms").await;
    let ask = |query: &str, id: &str| {
        let body = json!({ "query": query, "params": ["herring"] });
        let request = served.proxy.sql_request(&body).header("x-request-id", id);
        request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
    };
    ask("SELECT name, $1::text FROM fish WHERE 'mackerel' <> name", "quick").send().await.expect(200);
    ask("SELECT name, $1::text, pg_sleep(0.15) FROM fish WHERE 'mackerel' <> name", "slow").send().await.expect(200);
    ask("SELECT $1::text, pg_sleep(5) AS late", "late").send().await.expect(504);
    let line = of(&served.proxy, "slow").await;
    assert_eq!(line["level"], "WARN");
    assert_eq!((&line["trace_id"], &line["database"]), (&json!(TRACE), &json!("default")), "{line}");
    assert_eq!((&line["key"], &line["result"], &line["rows"]), (&json!("env"), &json!("ok"), &json!(2)), "{line}");
    assert_eq!(line["statement"], "SELECT name, $1::text, pg_sleep($2) FROM fish WHERE $3 <> name", "{line}");
    assert!(line["database_ms"].as_f64() >= Some(300.0) && line["queue_ms"].as_f64() >= Some(0.0), "{line}");
    let statements = served.proxy.ops_request("GET", "/statements?order=max").send().await.expect(200).body;
    assert_eq!(statements["statements"][1]["fingerprint"], line["fingerprint"], "{statements:#}");
    let line = of(&served.proxy, "late").await;
    assert_eq!(
        (&line["result"], &line["statement"]),
        (&json!("timeout"), &json!("SELECT $1::text, pg_sleep($2) AS late")),
        "{line}"
    );
    assert_eq!(slow(&served.proxy).len(), 2, "{:#?}", slow(&served.proxy));
}

#[tokio::test]
async fn it_tells_how_long_a_statement_waited_and_which_key_it_was() {
    let config = format!("[pool]\nmax = 1\n{}", key_entry("web", "a key of the web, 0001", ""));
    let served = Served::with("", |proxy| {
        proxy.env("POOL_PROXY_LOG", "json,info").env("POOL_PROXY_SLOW_QUERY", "100ms").config(config)
    })
    .await;
    let busy = tokio::spawn(served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(1)" })).send());
    super::asleep(&served.database, 1).await;
    let asked = json!({ "query": "SELECT pg_sleep(0.2)" });
    let waiting =
        served.proxy.request("POST", "/sql").bearer("a key of the web, 0001").header("x-request-id", "waiting");
    waiting.json(&asked).send().await.expect(200);
    busy.await.unwrap().expect(200);
    let line = of(&served.proxy, "waiting").await;
    assert_eq!(line["key"], "web", "{line}");
    assert!(line["queue_ms"].as_f64() > Some(100.0), "{line}");
}

#[tokio::test]
async fn nothing_is_logged_unless_it_is_asked_for() {
    let served = Served::with("", |proxy| proxy.env("POOL_PROXY_LOG", "json,trace")).await;
    served.run("SELECT pg_sleep(0.5)").await;
    assert_eq!(slow(&served.proxy), Vec::<Value>::new());
}

#[tokio::test]
async fn without_statistics_there_are_names_all_the_same() {
    let served = Served::with("", |proxy| {
        proxy.env("POOL_PROXY_LOG", "json,info").env("POOL_PROXY_SLOW_QUERY", "0s").config("[ops]\nstatements = 0")
    })
    .await;
    served.run("SELECT 1 AS a").await;
    let line = eventually(|| async { slow(&served.proxy).pop().ok_or("none") }).await;
    assert_eq!(line["statement"], "SELECT $1 AS a");
    let all = served.proxy.ops_request("GET", "/statements").send().await.expect(200).body;
    assert_eq!(all["known"], 0);
}

/// Statements of every kind at both doors, with secrets wherever there may be some.
async fn ask_everything(proxy: &Proxy) {
    let sql = |body: Value, id: &str| proxy.sql_request(&body).header("x-request-id", id);
    let post = |path: &str, body: &Value| proxy.request("POST", path).bearer(proxy.key()).json(body);
    let (text, params) = ("SELECT $1::text, 'swordfish', $$swordfish$$ -- swordfish", json!(["swordfish"]));
    for id in ["one-1", "one-2"] {
        sql(json!({ "query": text, "params": params }), id).send().await.expect(200);
    }
    sql(json!({ "query": "SELECT 'swordfish'::int" }), "bad-value").send().await.expect(400);
    sql(json!({ "query": "SELECT swordfish swordfish swordfish" }), "nonsense").send().await.expect(400);
    sql(json!({ "query": "SET app.a = swordfish" }), "setting").send().await.expect(200);
    sql(json!({ "query": "DO $$ BEGIN PERFORM 'swordfish'; END $$" }), "block").send().await.expect(200);
    let queries = json!([{ "query": text, "params": params }, { "query": "SELECT 'swordfish' AS last" }]);
    sql(json!({ "queries": queries }), "batch").send().await.expect(200);
    sql(json!({ "query": text, "params": params }), "once").header("idempotency-key", "k").send().await.expect(200);
    sql(json!({ "query": text, "params": params }), "kept")
        .header("cache-control", "max-age=60")
        .send()
        .await
        .expect(200);
    let id =
        post("/transaction/start", &json!({ "timeout": 5000, "maxWait": 5000 })).send().await.expect(200).body["id"]
            .clone();
    let id = id.as_str().unwrap();
    sql(json!({ "query": text, "params": params }), "step").header("pool-transaction", id).send().await.expect(200);
    post(&format!("/transaction/{id}/commit"), &json!({})).send().await.expect(200);
    let raw = |sql: &str, args: Value| {
        let types = vec![json!({}); args.as_array().unwrap().len()];
        json!({ "type": "query", "args": { "type": "rawSql", "sql": sql, "args": args, "argTypes": types } })
    };
    let plan = json!({ "type": "concat", "args": [raw(text, params.clone()), raw("SELECT 'swordfish' AS planned", json!([]))] });
    let asked = json!({ "operation": "findMany", "plan": plan, "params": { "%1": "swordfish" } });
    post("/query", &asked).header("x-request-id", "plan").send().await.expect(200);
    post("/query", &json!({ "operation": "x", "plan": raw("SELECT 'swordfish'::int", json!([])), "params": {} }))
        .header("x-request-id", "bad-plan")
        .send()
        .await
        .expect(400);
}

#[tokio::test]
async fn no_value_is_in_the_log_whichever_way_it_was_asked() {
    for log in ["json,trace", "text,trace"] {
        let served = Served::with("", |proxy| {
            proxy.env("POOL_PROXY_LOG", log).env("POOL_PROXY_SLOW_QUERY", "0s").key("swordfish-swordfish")
        })
        .await;
        ask_everything(&served.proxy).await;
        let written = served.proxy.stderr();
        let line = written.lines().find(|line| line.contains("swordfish"));
        assert_eq!(line, None);
        for id in [
            "one-1",
            "one-2",
            "bad-value",
            "nonsense",
            "setting",
            "block",
            "batch",
            "once",
            "kept",
            "step",
            "plan",
            "bad-plan",
        ] {
            let is_of = |line: &&str| line.contains("slow statement") && line.contains(&format!("\"{id}\""));
            let expected = if matches!(id, "batch" | "plan") { 2 } else { 1 };
            assert_eq!(written.lines().filter(is_of).count(), expected, "{id} in {written}");
        }
    }
}
