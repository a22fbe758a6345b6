//! Statements: in pieces, several in one text, only counted.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Asked, asked, bind, get, name, node, query, raw, statement, value};

/// Chooses by a list.
fn by_list(kind: &str, sql: [&str; 2], is_chunkable: bool) -> Value {
    let tuple = json!({ "type": "parameterTuple", "itemPrefix": "", "itemSeparator": ",", "itemSuffix": "" });
    let chunk = |text: &str| json!({ "type": "stringChunk", "chunk": text });
    node(
        kind,
        json!({
            "type": "templateSql", "fragments": [chunk(sql[0]), tuple, chunk(sql[1])], "args": [name("list")],
            "argTypes": [{ "arity": "scalar", "scalarType": "int", "dbType": "INTEGER" }], "chunkable": is_chunkable,
        }),
    )
}

#[tokio::test]
async fn a_long_list_is_run_in_pieces() {
    let asked = Asked::after("CREATE TABLE t AS SELECT generate_series(1, 100000) AS a").await;
    let list: Vec<i32> = (30_001..=100_000).collect();
    let post = async |plan: &Value| {
        let body = json!({ "operation": "findMany", "plan": plan, "params": { "list": list } });
        asked.post("/query", &body).await
    };
    let select = by_list("query", ["SELECT a, pg_current_xact_id()::text AS x FROM t WHERE a IN ", ""], true);
    let data = post(&select).await.expect(200).body["data"].clone();
    let rows = data.as_array().unwrap();
    assert_eq!(rows.len(), 70_000);
    assert_eq!(rows[0]["x"], rows[69_999]["x"], "the pieces are of one transaction");
    // In pieces an order would be none.
    let fixed = by_list("query", ["SELECT a FROM t WHERE a IN ", " ORDER BY a"], false);
    assert_eq!(post(&fixed).await.expect(400).body["code"], "P2029");
    // A piece that fails undoes those before it.
    let failing = by_list("execute", ["UPDATE t SET a = 1 / (100000 - a) WHERE a IN ", ""], true);
    assert_eq!(post(&failing).await.expect(400).body["code"], "P2039");
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t WHERE a > 1").await, "99999");
    let delete = by_list("execute", ["DELETE FROM t WHERE a IN ", ""], true);
    assert_eq!(post(&delete).await.expect(200).body["data"], 70_000);
}

#[tokio::test]
async fn several_statements_in_one_text_are_run_without_a_count() {
    let asked = Asked::after("CREATE TABLE t (a int)").await;
    let several = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2), (3)";
    assert_eq!(asked.data(&raw("execute", several, &[])).await, 0);
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "3");
    // One of them is a statement as any other, also with a text that looks like several.
    assert_eq!(asked.data(&raw("execute", "UPDATE t SET a = a -- ; and so on", &[])).await, 3);
    assert_eq!(asked.data(&raw("execute", "DELETE FROM t WHERE a = 1;", &[])).await, 1);
    assert_eq!(asked.data(&raw("execute", "DO $$ BEGIN DELETE FROM t; END $$", &[])).await, 0);
    // Rows of several have no form, and parameters no place.
    for (plan, part) in [
        (raw("query", "SELECT 1; SELECT 2", &[]), "cannot insert multiple commands"),
        (raw("execute", "SELECT $1::int; SELECT 2", &[json!(1)]), "cannot insert multiple commands"),
    ] {
        let (code, message) = asked.fault(&plan).await;
        assert_eq!(code, "P2010", "{message}");
        assert!(message.starts_with("Raw query failed. Code: `42601`.") && message.contains(part), "{message}");
    }
    assert_eq!(asked.fault(&raw("execute", "SELECT 1; SELECT 1/0", &[])).await.0, "P2010");
}

#[tokio::test]
async fn several_statements_leave_an_open_transaction_as_it_was() {
    let asked = Asked::after("CREATE TABLE t (a int UNIQUE)").await;
    let seq = |inner: &Value| {
        let first = raw("execute", "INSERT INTO t VALUES (1)", &[]);
        let last = raw("execute", "INSERT INTO t VALUES (9)", &[]);
        node("transaction", node("seq", json!([first, inner, last])))
    };
    asked.data(&seq(&raw("execute", "INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)", &[]))).await;
    assert_eq!(asked.served.postgres("SELECT string_agg(a::text, ',' ORDER BY a) FROM t").await, "1,2,3,9");
    asked.data(&raw("execute", "DELETE FROM t", &[])).await;
    asked.data(&seq(&raw("execute", "INSERT INTO t VALUES (length(';;'))", &[]))).await;
    assert_eq!(asked.served.postgres("SELECT string_agg(a::text, ',' ORDER BY a) FROM t").await, "1,2,9");
    asked.data(&raw("execute", "DELETE FROM t", &[])).await;
    let (code, _) = asked.fault(&seq(&raw("execute", "INSERT INTO t VALUES (2); INSERT INTO t VALUES (1)", &[]))).await;
    assert_eq!(code, "P2010");
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "0");
}

#[tokio::test]
async fn what_is_only_counted_may_be_of_any_type() {
    let asked = Asked::after("").await;
    let sql = "SELECT interval '1 day', point(1, 2) UNION ALL SELECT NULL, NULL";
    assert!(asked.fault(&raw("query", sql, &[])).await.1.contains("'interval'"));
    assert_eq!(
        asked.data(&raw("execute", &sql.replace("UNION ALL", "FROM generate_series(1, 3) UNION ALL"), &[])).await,
        4
    );
}

#[tokio::test]
async fn thousands_of_names_are_quickly_found() {
    let asked = Asked::after("CREATE TABLE t (a int)").await;
    let mut sql = String::from("INSERT INTO t VALUES ");
    let mut bindings = Vec::new();
    let mut names = Vec::new();
    for row in 0..16_000 {
        let comma = if row > 0 { "," } else { "" };
        let _ = write!(sql, "{comma}($)");
        bindings.push(json!({ "name": format!("@generated$row{row}$a"), "expr": value(row) }));
        names.push(name(&format!("@generated$row{row}$a")));
    }
    let plan = node("let", json!({ "bindings": bindings, "expr": statement("execute", &sql, &names) }));
    assert_eq!(asked.data(&plan).await, 16_000);
    assert_eq!(asked.served.postgres("SELECT sum(a) FROM t").await, "127992000");
}

#[tokio::test]
async fn names_are_bound_in_order_and_for_their_expression_only() {
    let asked = Asked::after("").await;
    let bindings = json!([
        { "name": "a", "expr": node("concat", json!([get("a"), value(2)])) },
        { "name": "a", "expr": node("concat", json!([get("a"), value(3)])) },
        { "name": "b", "expr": get("a") },
    ]);
    let inner = node("let", json!({ "bindings": bindings, "expr": node("concat", json!([get("a"), get("b")])) }));
    let plan = bind("a", &value(1), &node("concat", json!([inner, get("a"), get("b"), get("%1")])));
    // What is not bound has no value, which JSON writes as null.
    assert_eq!(asked.data(&plan).await, json!([1, 2, 3, 1, 2, 3, 1, null, 1]));
    let first = node("getFirstNonEmpty", json!({ "names": ["no", "c", "b"] }));
    assert_eq!(asked.data(&bind("b", &value(4), &bind("c", &value(json!([])), &first))).await, 4);
    assert_eq!(asked.data(&node("getFirstNonEmpty", json!({ "names": ["no"] }))).await, json!([]));
    // Nor has it any when one of it is wanted.
    assert_eq!(asked.ask(&node("unique", get("no"))).await.expect(200).text, "{}");
    let taken = bind("r", &query("SELECT 1 AS a"), &node("concat", json!([get("r"), get("r")])));
    assert_eq!(asked.data(&taken).await, json!([{ "a": 1 }, { "a": 1 }]));
    let answer = asked.post("/query", &asked_with(&json!({ "a": name("b"), "b": name("a") }))).await.expect(400);
    assert_eq!(answer.body["code"], "P6000", "{}", answer.text);
}

fn asked_with(params: &Value) -> Value {
    let mut body = asked(&value(name("a")));
    body["params"] = params.clone();
    body
}
