//! Plans that are wrong in one place.

use serde_json::{Value, json};

use super::{Door, SECRET, raw, refused, template};

/// A plan, and a word of the refusal.
const WRONG: &[(&str, &str)] = &[
    (r#"{"type":"nope"}"#, "Unexpected node type: nope"),
    (r#"{"type":"nope","args":{"deep":[1,2,{"type":"unit"}]}}"#, "nope"),
    (r#"{"type":"Query","args":{}}"#, "Query"),
    (r#"{"type":1}"#, ""),
    (r#"{"type":null}"#, ""),
    (r#"{"args":[]}"#, ""),
    (r"{}", ""),
    (r#"{"type":"get"}"#, ""),
    (r#"{"type":"get","args":{"name":1}}"#, ""),
    (r#"{"type":"get","args":"a"}"#, ""),
    (r#"{"type":"seq","args":{"type":"unit"}}"#, ""),
    (r#"{"type":"seq","args":[1]}"#, ""),
    (r#"{"type":"seq","args":[{"type":"unit"},{"type":"nope"}]}"#, "nope"),
    (r#"{"type":"concat","args":"a"}"#, ""),
    (r#"{"type":"sum"}"#, ""),
    (r#"{"type":"unique"}"#, ""),
    (r#"{"type":"unique","args":[]}"#, ""),
    (r#"{"type":"required","args":{"type":"concat","args":[]}}"#, "Required value is empty"),
    (r#"{"type":"unique","args":{"type":"value","args":[1,2]}}"#, "Expected zero or one element, got 2"),
    (r#"{"type":"let","args":{"bindings":{},"expr":{"type":"unit"}}}"#, ""),
    (r#"{"type":"let","args":{"bindings":[{"name":1,"expr":{"type":"unit"}}],"expr":{"type":"unit"}}}"#, ""),
    (r#"{"type":"let","args":{"bindings":[{"name":"a"}],"expr":{"type":"unit"}}}"#, ""),
    (r#"{"type":"let","args":{"bindings":[]}}"#, ""),
    (r#"{"type":"getFirstNonEmpty","args":{"names":"a"}}"#, ""),
    (r#"{"type":"mapField","args":{"records":{"type":"unit"}}}"#, ""),
    (r#"{"type":"diff","args":{"from":{"type":"unit"},"to":{"type":"unit"},"fields":1}}"#, ""),
    (
        r#"{"type":"if","args":{"value":{"type":"unit"},"rule":{"type":"nope"},"then":{"type":"unit"},"else":{"type":"unit"}}}"#,
        "",
    ),
    (
        r#"{"type":"if","args":{"value":{"type":"unit"},"rule":{"type":"rowCountEq","args":0},"then":{"type":"unit"}}}"#,
        "",
    ),
    (
        r#"{"type":"validate","args":{"expr":{"type":"unit"},"rules":[{"type":"nope"}],"errorIdentifier":"MISSING_RECORD","context":{"operation":"a query"}}}"#,
        "",
    ),
    (
        r#"{"type":"validate","args":{"expr":{"type":"unit"},"rules":[{"type":"never"}],"errorIdentifier":"NOPE","context":{}}}"#,
        "",
    ),
    (
        r#"{"type":"validate","args":{"expr":{"type":"unit"},"rules":1,"errorIdentifier":"MISSING_RECORD","context":{}}}"#,
        "",
    ),
    (r#"{"type":"join","args":{"parent":{"type":"unit"},"children":1,"canAssumeStrictEquality":true}}"#, ""),
    (
        r#"{"type":"join","args":{"parent":{"type":"unit"},"children":[{"child":{"type":"unit"},"on":[["a"]],"parentField":"c","isRelationUnique":true}],"canAssumeStrictEquality":true}}"#,
        "",
    ),
    (r#"{"type":"process","args":{"expr":{"type":"unit"}}}"#, ""),
    (r#"{"type":"process","args":{"expr":{"type":"unit"},"operations":1}}"#, ""),
    (r#"{"type":"initializeRecord","args":{"expr":{"type":"unit"},"fields":{"a":{"type":"nope"}}}}"#, ""),
    (r#"{"type":"mapRecord","args":{"expr":{"type":"unit"},"fields":{"a":{"type":"nope","value":1}}}}"#, ""),
    (r#"{"type":"dataMap","args":{"expr":{"type":"unit"},"structure":{"type":"nope"},"enums":{}}}"#, ""),
    (r#"{"type":"dataMap","args":{"expr":{"type":"unit"},"structure":1,"enums":{}}}"#, ""),
    (
        r#"{"type":"dataMap","args":{"expr":{"type":"value","args":"x"},"structure":{"type":"field","dbName":"x","fieldType":{"arity":"required","type":"nope"}},"enums":{}}}"#,
        "",
    ),
    (
        r#"{"type":"dataMap","args":{"expr":{"type":"value","args":"x"},"structure":{"type":"field","dbName":"x","fieldType":{"arity":"required","type":"enum","name":"E"}},"enums":{}}}"#,
        "",
    ),
    (
        r#"{"type":"dataMap","args":{"expr":{"type":"value","args":"not json"},"structure":{"type":"object","serializedName":null,"fields":{},"skipNulls":false},"enums":{}}}"#,
        "",
    ),
    (r#"{"type":"query"}"#, ""),
    (r#"{"type":"query","args":{"type":"nope"}}"#, ""),
    (r#"{"type":"query","args":{"type":"rawSql","args":[],"argTypes":[]}}"#, ""),
    (r#"{"type":"query","args":{"type":"rawSql","sql":1,"args":[],"argTypes":[]}}"#, ""),
    (r#"{"type":"execute","args":{"type":"rawSql","sql":"SELECT 1","args":{},"argTypes":[]}}"#, ""),
    (r#"{"type":"transaction","args":{"type":"nope"}}"#, "nope"),
    (
        r#"{"type":"value","args":{"prisma__type":"param","prisma__value":{"name":"%1","type":"Int"}}}"#,
        "Missing value for query variable %1",
    ),
    (r#"{"type":"value","args":{"prisma__type":"param","prisma__value":{"type":"Int"}}}"#, ""),
    (r#"{"type":"value","args":{"prisma__type":"param"}}"#, ""),
    (
        r#"{"type":"value","args":{"prisma__type":"generatorCall","prisma__value":{"name":"zz","args":[]}}}"#,
        "Encountered an unknown generator 'zz'",
    ),
    (r#"{"type":"value","args":{"prisma__type":"generatorCall","prisma__value":{"name":"uuid","args":[5]}}}"#, ""),
    (r#"{"type":"value","args":{"prisma__type":"generatorCall","prisma__value":{"name":"cuid","args":[3]}}}"#, ""),
    (r#"{"type":"value","args":{"prisma__type":"generatorCall","prisma__value":{"args":[]}}}"#, ""),
];

#[tokio::test]
async fn wrong_nodes_are_refused_by_name() {
    let door = Door::open().await;
    for (plan, word) in WRONG {
        let answer = door.ask_text(plan, "{}").await;
        refused(&answer, plan);
        assert!(answer.body["error"].as_str().unwrap_or_default().contains(word), "{}: {plan}", answer.text);
        // Whatever else is in the request is nobody's business.
        let secret = json!({ "%9": SECRET }).to_string();
        refused(&door.ask_text(plan, &secret).await, plan);
    }
    door.check().await;
}

#[tokio::test]
async fn templates_that_do_not_fit_their_arguments_are_refused() {
    let door = Door::open().await;
    let chunk = |text: &str| json!({ "type": "stringChunk", "chunk": text });
    let list = |kind: &str| json!({ "type": kind, "itemPrefix": "(", "itemSeparator": ",", "itemSuffix": ")", "groupSeparator": "," });
    let select = chunk("SELECT ");
    for (fragments, arguments) in [
        (json!([select, { "type": "parameter" }]), json!([])),
        (json!([select, { "type": "parameter" }, chunk(", "), { "type": "parameter" }]), json!([1])),
        (json!([select, { "type": "nope" }]), json!([1])),
        (json!([select, { "chunk": "1" }]), json!([])),
        (json!([{ "type": "stringChunk" }]), json!([])),
        (json!([{ "type": "stringChunk", "chunk": 1 }]), json!([])),
        (json!([{ "type": "stringChunk", "chunk": ["SELECT 1"] }]), json!([])),
        (json!({ "type": "stringChunk", "chunk": "SELECT 1" }), json!([])),
        (json!("SELECT 1"), json!([])),
        (json!([1]), json!([])),
        (json!([chunk("VALUES "), list("parameterTupleList")]), json!([1])),
        (json!([chunk("VALUES "), list("parameterTupleList")]), json!([[]])),
        (json!([chunk("VALUES "), list("parameterTupleList")]), json!([[1, 2]])),
        (json!([chunk("VALUES "), list("parameterTupleList")]), json!([null])),
        (json!([]), json!([{ "prisma__type": "param", "prisma__value": { "name": "no" } }])),
    ] {
        let plan = template(&fragments, &arguments);
        refused(&door.ask(&plan, &json!({})).await, &plan.to_string());
    }
    door.check().await;
}

/// What a plan did before it went wrong is undone where the plan asked for a transaction.
#[tokio::test]
async fn a_transaction_that_goes_wrong_leaves_nothing() {
    let door = Door::open().await;
    let delete = r#"DELETE FROM "User""#;
    let execute = json!({ "type": "execute", "args": { "type": "rawSql", "sql": delete, "args": [], "argTypes": [] } });
    let two = json!({ "type": "unique", "args": { "type": "value", "args": [1, 2] } });
    let missing = json!({ "type": "value", "args": { "prisma__type": "param", "prisma__value": { "name": "no" } } });
    let never = json!({ "type": "validate", "args": {
        "expr": { "type": "unit" }, "rules": [{ "type": "never" }], "errorIdentifier": "MISSING_RECORD",
        "context": { "operation": "a nested write" },
    } });
    for wrong in
        [two, missing, never, json!({ "type": "nope" }), raw("SELECT 1/0"), raw("SELECT FROM nowhere"), raw("'")]
    {
        let plan = json!({ "type": "transaction", "args": { "type": "seq", "args": [execute, wrong] } });
        refused(&door.ask(&plan, &json!({})).await, &plan.to_string());
        assert_eq!(door.served.postgres(r#"SELECT count(*) FROM "User""#).await, "2", "{plan}");
    }
    door.check().await;
}

/// A plan may not end the transaction it is in, nor leave one open.
#[tokio::test]
async fn transactions_by_hand_do_not_leave_the_request() {
    let door = Door::open().await;
    let run =
        |sql: &str| json!({ "type": "execute", "args": { "type": "rawSql", "sql": sql, "args": [], "argTypes": [] } });
    let inside = |plans: Vec<Value>| json!({ "type": "transaction", "args": { "type": "seq", "args": plans } });
    for plan in [
        run("BEGIN"),
        run("BEGIN; SET TRANSACTION READ ONLY"),
        run("COMMIT"),
        run("ROLLBACK"),
        run("START TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        run("SAVEPOINT a"),
        run("PREPARE TRANSACTION 'x'"),
        run(r#"COPY "User" FROM STDIN"#),
        run(r#"COPY "User" TO STDOUT"#),
        raw(r#"COPY "User" FROM STDIN"#),
        inside(vec![run("COMMIT"), run("BEGIN")]),
        inside(vec![run("COMMIT"), run("SELECT 1")]),
        inside(vec![run("ROLLBACK"), run("SELECT 1/0")]),
        inside(vec![run("SET LOCAL statement_timeout = 1"), raw("SELECT pg_sleep(1)::text")]),
        run("SET search_path = nowhere"),
        run("SET TimeZone = 'America/New_York'; SET DateStyle = 'German'"),
        run("DISCARD ALL"),
        run("DEALLOCATE ALL"),
        run("LISTEN a"),
        run("SELECT pg_advisory_lock(7)"),
    ] {
        let answer = door.ask(&plan, &json!({})).await;
        super::told(&answer, &plan.to_string());
        let plain = raw(r#"SELECT born, current_setting('TimeZone') AS zone FROM "User" WHERE id = 1"#);
        let rows = door.ask(&plain, &json!({})).await.expect(200).body["data"]["rows"].clone();
        assert_eq!(rows, json!([["2024-01-02T03:04:05+00:00", "UTC"]]), "after {plan}");
        assert_eq!(door.served.postgres(crate::sql::served::ADVISORY_LOCKS).await, "0", "after {plan}");
    }
}
