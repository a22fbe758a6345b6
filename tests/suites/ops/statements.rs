//! `/statements`: what the databases are asked, and what that costs, whichever way it was asked.

use harness::{Proxy, eventually};
use serde_json::{Value, json};

use crate::sql::served::{Served, batch};

/// What is told, by its address.
async fn told(proxy: &Proxy, query: &str) -> Vec<Value> {
    let answer = proxy.ops_request("GET", &format!("/statements{query}")).send().await.expect(200);
    answer.body["statements"].as_array().unwrap().clone()
}

/// What is told of the one statement whose text has these words in it.
async fn of(served: &Served, words: &str) -> Value {
    let all = told(&served.proxy, "?limit=1000").await;
    let mut found = all.iter().filter(|one| one["text"].as_str().is_some_and(|text| text.contains(words)));
    let one = found.next().unwrap_or_else(|| panic!("{words} in {all:#?}"));
    assert!(found.next().is_none(), "{words} twice in {all:#?}");
    one.clone()
}

#[tokio::test]
async fn one_statement_is_counted_whatever_its_values_are() {
    let served = Served::after("CREATE TABLE fish (id int PRIMARY KEY, name text)").await;
    served.run("INSERT INTO fish VALUES (1, 'herring'), (2, 'mackerel')").await;
    served.run("insert into fish values (3, 'herring'),  (4, 'mackerel'), (5, null) -- herring").await;
    served.ask("INSERT INTO fish VALUES (1, 'herring') RETURNING id").await.expect(400);
    for name in ["herring", "mackerel", "shark"] {
        served.run(&format!("SELECT id, '{name}' FROM fish WHERE name = '{name}'")).await;
    }
    let one = of(&served, "...").await;
    assert_eq!(one["text"], "INSERT INTO fish VALUES ($1, $2), ...", "{one}");
    assert_eq!((&one["calls"], &one["errors"], &one["rows"]), (&json!(2), &json!(0), &json!(5)), "{one}");
    assert_eq!(one["database"], "default");
    assert_eq!(one["fingerprint"].as_str().map(str::len), Some(16));
    let single = of(&served, "RETURNING").await;
    assert_eq!((&single["calls"], &single["errors"], &single["rows"]), (&json!(1), &json!(1), &json!(0)), "{single}");
    let read = of(&served, "SELECT").await;
    assert_eq!(read["text"], "SELECT id, $1 FROM fish WHERE name = $2");
    assert_eq!((&read["calls"], &read["rows"], &read["hits"]), (&json!(3), &json!(4), &json!(0)), "{read}");
    assert!(read["bytes"].as_u64() > Some(20), "{read}");
    let time = |name: &str| read[name].as_f64().unwrap();
    assert!(time("min_ms") > 0.0 && time("min_ms") <= time("mean_ms") && time("mean_ms") <= time("max_ms"), "{read}");
    assert!(time("total_ms") >= time("max_ms") && time("total_ms") <= 3.0 * time("max_ms"), "{read}");
    let all = served.proxy.ops_request("GET", "/statements").send().await.expect(200);
    for value in ["herring", "mackerel", "shark"] {
        assert!(!all.text.contains(value), "{}", all.text);
    }
    assert_eq!((&all.body["known"], &all.body["evicted"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn every_way_to_ask_is_counted() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    let proxy = &served.proxy;
    served.run_batch(&["INSERT INTO t VALUES (1)", "SELECT 1 AS batched", "UPDATE t SET n = 2"]).await;
    let keyed = |key: &str| {
        proxy.sql_request(&json!({ "query": "INSERT INTO t SELECT 7 AS once" })).header("idempotency-key", key)
    };
    for key in ["a", "a", "b"] {
        keyed(key).send().await.expect(200);
    }
    let start = proxy
        .request("POST", "/transaction/start")
        .bearer(proxy.key())
        .json(&json!({ "timeout": 5000, "maxWait": 5000 }));
    let id = start.send().await.expect(200).body["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        proxy
            .sql_request(&json!({ "query": "SELECT 1 AS stepped" }))
            .header("pool-transaction", &id)
            .send()
            .await
            .expect(200);
    }
    proxy.request("POST", &format!("/transaction/{id}/commit")).bearer(proxy.key()).send().await.expect(200);
    let statement =
        |sql: &str| json!({ "type": "query", "args": { "type": "rawSql", "sql": sql, "args": [], "argTypes": [] } });
    let plan =
        json!({ "type": "concat", "args": [statement("SELECT 1 AS planned"), statement("SELECT 2 AS also_planned")] });
    let asked = json!({ "operation": "findMany", "plan": plan, "params": {} });
    proxy.request("POST", "/query").bearer(proxy.key()).json(&asked).send().await.expect(200);
    for (words, calls) in [
        ("INSERT INTO t VALUES", 1),
        ("batched", 1),
        ("UPDATE", 1),
        ("once", 2),
        ("stepped", 2),
        ("AS planned", 1),
        ("also_planned", 1),
    ] {
        let one = of(&served, words).await;
        assert_eq!((&one["calls"], &one["errors"]), (&json!(calls), &json!(0)), "{one}");
    }
    assert_eq!(of(&served, "UPDATE").await["rows"], 1);
    // What the proxy asks for itself is none of them.
    assert_eq!(told(proxy, "").await.len(), 7);
}

#[tokio::test]
async fn what_fails_in_the_middle_of_a_batch_is_told_from_what_ran() {
    let served = Served::after("CREATE TABLE t (n int CHECK (n > 0))").await;
    served.ask_batch(&["SELECT 1 AS first", "INSERT INTO t VALUES (0)", "SELECT 1 AS never"]).await.expect(400);
    assert_eq!((&of(&served, "first").await["calls"], &of(&served, "first").await["errors"]), (&json!(1), &json!(0)));
    assert_eq!(of(&served, "INSERT").await["errors"], 1);
    assert_eq!(told(&served.proxy, "").await.len(), 2);
}

#[tokio::test]
async fn time_outs_and_clients_that_leave_are_errors() {
    let served = Served::with("", |proxy| proxy.config("[limits]\nquery = \"1s\"")).await;
    served.run("SELECT pg_sleep(0)").await;
    served.ask("SELECT pg_sleep(20)").await.expect(504);
    let one = of(&served, "pg_sleep").await;
    assert_eq!((&one["calls"], &one["errors"]), (&json!(2), &json!(1)), "{one}");
    assert!(one["max_ms"].as_f64() >= Some(1000.0), "{one}");
    let left = tokio::spawn(served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(21)" })).send());
    super::asleep(&served.database, 1).await;
    left.abort();
    eventually(|| async { of(&served, "pg_sleep").await["errors"] == 2 }).await;
}

#[tokio::test]
async fn hits_are_counted_by_statement() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    let ask = async |query: &str| {
        let request = served.proxy.sql_request(&json!({ "query": query })).header("cache-control", "max-age=600");
        request.send().await.expect(200)
    };
    for n in [1, 1, 2, 1] {
        ask(&format!("SELECT n FROM t WHERE n = {n}")).await;
    }
    for _ in 0..2 {
        ask("SELECT random()").await;
    }
    let one = of(&served, "FROM t").await;
    assert_eq!((&one["calls"], &one["hits"]), (&json!(2), &json!(2)), "{one}");
    assert_eq!((&one["cacheable"], &one["why_not"]), (&json!(true), &Value::Null), "{one}");
    let other = of(&served, "random").await;
    assert_eq!((&other["calls"], &other["hits"]), (&json!(2), &json!(0)), "{other}");
    assert_eq!((&other["cacheable"], &other["why_not"]), (&json!(false), &json!("volatile")), "{other}");
    // What is kept goes on being counted.
    served.proxy.ops_request("DELETE", "/statements").send().await.expect(200);
    assert_eq!(told(&served.proxy, "").await, Vec::<Value>::new());
    ask("SELECT n FROM t WHERE n = 1").await;
    let one = of(&served, "FROM t").await;
    assert_eq!((&one["calls"], &one["hits"], &one["total_ms"]), (&json!(0), &json!(1), &json!(0.0)), "{one}");
}

#[tokio::test]
async fn a_plan_from_the_cache_is_a_hit_of_its_statements() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    let statement =
        |sql: &str| json!({ "type": "query", "args": { "type": "rawSql", "sql": sql, "args": [], "argTypes": [] } });
    let plan =
        json!({ "type": "concat", "args": [statement("SELECT n AS a FROM t"), statement("SELECT n AS b FROM t")] });
    let asked = json!({ "operation": "findMany", "plan": plan, "params": {} });
    for _ in 0..3 {
        let request = served.proxy.request("POST", "/query").bearer(served.proxy.key()).json(&asked);
        request.header("cache-control", "max-age=600").send().await.expect(200);
    }
    for name in ["AS a", "AS b"] {
        let one = of(&served, name).await;
        assert_eq!((&one["calls"], &one["hits"]), (&json!(1), &json!(2)), "{one}");
    }
}

#[tokio::test]
async fn in_auto_it_says_that_a_table_is_not_published() {
    let served =
        Served::with("CREATE TABLE t (n int PRIMARY KEY)", |proxy| proxy.env("POOL_PROXY_CACHE_MODE", "auto")).await;
    for _ in 0..3 {
        served.run("SELECT n FROM t").await;
    }
    assert_eq!(of(&served, "FROM t").await["why_not"], "unpublished");
}

#[tokio::test]
async fn what_is_no_statement_is_not_shown() {
    let served = Served::plain().await;
    for query in
        ["SELECT herring mackerel shark", "herring", "SELECT herring", "SELECT 'herring", "SELECT 1 FROM herring"]
    {
        for body in [json!({ "query": query }), batch(&[query])] {
            served.proxy.sql(body).await.expect(400);
        }
    }
    let all = served.proxy.ops_request("GET", "/statements").send().await.expect(200);
    assert!(!all.text.contains("herring"), "{}", all.text);
    for one in told(&served.proxy, "").await {
        assert_eq!((&one["text"], &one["calls"], &one["errors"]), (&Value::Null, &json!(2), &json!(2)), "{one}");
        assert!(one["min_ms"].as_f64() > Some(0.0), "{one}");
    }
    assert_eq!(all.body["known"], 5);
    // It may become one.
    served.run("CREATE TABLE herring (n int)").await;
    served.run("SELECT 1 FROM herring").await;
    assert_eq!(of(&served, "SELECT").await["calls"], 3);
}

#[tokio::test]
async fn those_that_are_used_least_make_room() {
    let served = Served::with("", |proxy| proxy.config("[ops]\nstatements = 10")).await;
    for index in 0..40 {
        served.run("SELECT 1 AS often").await;
        served.run(&format!("SELECT 1 AS seldom_{index}")).await;
    }
    let all = served.proxy.ops_request("GET", "/statements?limit=1000").send().await.expect(200).body;
    assert_eq!((&all["known"], &all["evicted"]), (&json!(10), &json!(31)), "{all:#}");
    assert_eq!(of(&served, "often").await["calls"], 40);
    let none = Served::with("", |proxy| proxy.config("[ops]\nstatements = 0")).await;
    none.run("SELECT 1").await;
    assert_eq!(told(&none.proxy, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn they_come_in_the_order_that_is_asked_for() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    served.run("INSERT INTO t SELECT generate_series(1, 500)").await;
    served.run("SELECT pg_sleep(0.3)").await;
    for _ in 0..5 {
        served.run("SELECT 1 AS often").await;
    }
    let first = async |query: &str| {
        let all = told(&served.proxy, query).await;
        all[0]["text"].as_str().unwrap().to_owned()
    };
    for (query, expected) in [
        ("", "pg_sleep"),
        ("?order=time", "pg_sleep"),
        ("?order=mean&limit=1", "pg_sleep"),
        ("?order=max", "pg_sleep"),
        ("?order=calls", "often"),
        ("?order=rows&database=default", "INSERT"),
    ] {
        assert!(first(query).await.contains(expected), "{query}");
    }
    assert_eq!(told(&served.proxy, "?limit=2").await.len(), 2);
    assert_eq!(told(&served.proxy, "?database=other").await.len(), 0);
    for wrong in ["?order=nonsense", "?limit=-1", "?limit=x", "?sort=time", "?order"] {
        let answer = served.proxy.ops_request("GET", &format!("/statements{wrong}")).send().await.expect(400);
        assert!(answer.body["message"].is_string(), "{}", answer.text);
    }
}

#[tokio::test]
async fn it_is_for_operators() {
    let served = Served::with("", |proxy| proxy.env("POOL_PROXY_OPS_TOKEN", "operators-token-0001")).await;
    let proxy = &served.proxy;
    for method in ["GET", "DELETE"] {
        proxy.ops_request(method, "/statements").send().await.expect(401);
        proxy.ops_request(method, "/statements").bearer(proxy.key()).send().await.expect(401);
        proxy.ops_request(method, "/statements").bearer("operators-token-0001").send().await.expect(200);
        proxy.request(method, "/statements").bearer(proxy.key()).send().await.expect(404);
    }
    let answer = proxy.ops_request("POST", "/statements").bearer("operators-token-0001").send().await.expect(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, DELETE");
}

#[tokio::test]
async fn a_foreign_name_for_this_machine_sees_nothing() {
    let served = Served::plain().await;
    for (name, status) in [
        ("evil.example", 403),
        ("evil.example:9080", 403),
        ("localhost.evil.example", 403),
        ("localhost:9080", 200),
        ("127.0.0.1", 200),
        ("[::1]:9080", 200),
    ] {
        served.proxy.ops_request("GET", "/statements").header("host", name).send().await.expect(status);
    }
}
