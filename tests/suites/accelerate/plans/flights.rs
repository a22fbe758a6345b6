//! Statements that do not depend on each other go together, and no other ones.

use serde_json::{Value, json};

use super::{Asked, bind, execute, get, name, never, node, query, statement, value};

/// Which transaction it is in: an own one for a statement by itself.
const WHICH: &str = "SELECT 1 AS k, pg_current_xact_id()::text AS x";

fn join(parent: &Value, children: &[Value]) -> Value {
    let children: Vec<Value> = (0..)
        .zip(children)
        .map(|(index, child)| {
            json!({ "child": child, "on": [["k", "k"]], "parentField": format!("c{index}"), "isRelationUnique": true })
        })
        .collect();
    node("join", json!({ "parent": parent, "children": children, "canAssumeStrictEquality": true }))
}

#[tokio::test]
async fn children_of_a_join_are_read_together() {
    let asked = Asked::after("").await;
    // Each behind what does not depend on a result.
    let unique = node("unique", query(WHICH));
    let process = node("process", json!({ "expr": query(WHICH), "operations": { "reverse": true, "nested": {} } }));
    let bound = bind("a", &query(WHICH), &get("a"));
    let plan = join(&value(json!([{ "k": 1 }])), &[query(WHICH), unique, process, bound]);
    let data = asked.data(&plan).await;
    let one = data[0]["c0"]["x"].clone();
    assert!(one.is_string(), "{data}");
    for field in ["c1", "c2", "c3"] {
        assert_eq!(data[0][field]["x"], one, "{data}");
    }
    // One after the other they would be in transactions of their own.
    let apart = asked
        .data(&bind("a", &query(WHICH), &bind("b", &query(WHICH), &node("concat", json!([get("a"), get("b")])))))
        .await;
    assert_ne!(apart[0]["x"], apart[1]["x"]);
}

#[tokio::test]
async fn members_of_a_list_are_read_together_and_stay_in_order() {
    let asked = Asked::after("").await;
    let row = |number: i64| statement("query", "SELECT pg_current_xact_id()::text AS x, $::int AS n", &[json!(number)]);
    let plan = node("concat", (0..20).map(row).collect::<Vec<_>>());
    let data = asked.data(&plan).await;
    let numbers: Vec<i64> = data.as_array().unwrap().iter().filter_map(|row| row["n"].as_i64()).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(data[0]["x"], data[1]["x"]);
}

#[tokio::test]
async fn a_sum_counts_what_was_written() {
    let asked = Asked::after("CREATE TABLE t (a int UNIQUE)").await;
    let insert = |from: i64| execute(&format!("INSERT INTO t SELECT generate_series({from}, {from} + 9) RETURNING a"));
    let sum = node("sum", json!([insert(0), insert(10), insert(20), value("5")]));
    assert_eq!(asked.data(&node("transaction", sum)).await, 35);
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "30");
    // One that fails takes the others with it.
    let sum = node("sum", json!([insert(100), insert(0), insert(200)]));
    let (code, _) = asked.fault(&node("transaction", sum)).await;
    assert_eq!(code, "P2002");
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "30");
}

#[tokio::test]
async fn nothing_is_run_that_may_not_be_reached() {
    let asked = Asked::after("CREATE TABLE t (a int)").await;
    let insert = execute("INSERT INTO t VALUES (1)");
    let branch = node(
        "if",
        json!({ "value": value(Value::Null), "rule": { "type": "never" }, "then": insert, "else": value(0) }),
    );
    let one = query("SELECT 1 AS a");
    let data = asked
        .data(&node("sum", json!([branch, execute("INSERT INTO t VALUES (2)"), execute("INSERT INTO t VALUES (3)")])))
        .await;
    assert_eq!(data, 2);
    assert_eq!(asked.served.postgres("SELECT string_agg(a::text, ',' ORDER BY a) FROM t").await, "2,3");
    // What comes second of a sequence waits for what comes first.
    let second = node("seq", json!([never(&one), insert]));
    let (code, _) = asked.fault(&node("concat", json!([second, one]))).await;
    assert_eq!(code, "P2025");
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "2");
}

#[tokio::test]
async fn arguments_are_those_of_the_place_in_the_plan() {
    let asked = Asked::after("").await;
    let row = |argument: &str| statement("query", "SELECT $::int AS a", &[name(argument)]);
    // The name is another value within each member; in the last nothing is known of it until then.
    let inner = |number: i64| bind("a", &value(number), &row("a"));
    let only = node("unique", row("a"));
    let late = bind("b", &node("mapField", json!({ "field": "a", "records": only })), &row("b"));
    let plan = bind("a", &value(7), &node("concat", json!([row("a"), inner(8), row("a"), inner(9), late])));
    let data = asked.data(&plan).await;
    assert_eq!(data, json!([{ "a": 7 }, { "a": 8 }, { "a": 7 }, { "a": 9 }, { "a": 7 }]));
    let missing = node("concat", json!([row("a"), row("%1")]));
    assert_eq!(asked.fault(&missing).await.1, "Missing value for query variable a");
}
