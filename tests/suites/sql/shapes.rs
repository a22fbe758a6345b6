//! Answers of unusual shape: many columns, large values, rows of statements that seldom have any, no rows at all.

use serde_json::{Value, json};

use super::served::Served;

const SETUP: &str = "
CREATE TABLE notes (id int PRIMARY KEY, body text);
INSERT INTO notes VALUES (1, 'one');
CREATE TABLE tags (id int, body text);
INSERT INTO tags VALUES (1, 'red'), (2, NULL);
CREATE PROCEDURE out_of(n int, OUT twice int, OUT words text, INOUT list int[] DEFAULT '{}') LANGUAGE plpgsql AS
    $$ BEGIN twice := n * 2; words := 'a \"b\"'; list := list || n; END $$;
";

#[tokio::test]
async fn as_many_columns_as_postgres_has_arrive() {
    let served = Served::plain().await;
    for count in [1600, 1664] {
        let places: Vec<String> = (0..count).map(|number| format!("{number} AS \"column {number}\"")).collect();
        let query = format!("SELECT {}", places.join(", "));
        for _ in 0..3 {
            let body = served.run(&query).await;
            assert_eq!(body["fields"].as_array().map(Vec::len), Some(count));
            let row = body["rows"][0].as_object().unwrap();
            assert_eq!(row.len(), count);
            assert_eq!(row[&format!("column {}", count - 1)], count - 1);
            let body = served.proxy.sql(json!({ "query": query, "arrayMode": true })).await.expect(200).body;
            let wanted: Vec<Value> = (0..count).map(Value::from).collect();
            assert_eq!(body["rows"], json!([wanted]));
        }
    }
    let columns: Vec<String> = (0..1600).map(|number| format!("c{number} int")).collect();
    served.run(&format!("CREATE TABLE wide ({})", columns.join(", "))).await;
    let fields = served.run("SELECT * FROM wide").await["fields"].clone();
    assert_eq!((fields[1599]["name"].as_str(), &fields[1599]["columnID"]), (Some("c1599"), &json!(1600)));
    let query = format!("SELECT {}", vec!["1"; 1665].join(", "));
    assert_eq!(served.ask(&query).await.expect(400).body["code"], "54011");
}

#[tokio::test]
async fn nine_mebibytes_go_in_and_come_out() {
    let served = Served::after("CREATE TABLE large (v text, b bytea)").await;
    let bytes = 9 << 20;
    for unit in ["x", "ü", "😀"] {
        let text = unit.repeat(bytes / unit.len());
        for (query, raw) in [("SELECT $1::text AS v", true), ("SELECT $1::text AS v", false)] {
            let request = served.proxy.sql_request(&json!({ "query": query, "params": [text] }));
            let answer = request.header("Neon-Raw-Text-Output", raw).send().await.expect(200);
            assert!(answer.body["rows"][0]["v"] == text.as_str(), "{unit}: {} bytes came", answer.bytes.len());
        }
        let queries = json!({ "queries": [
            { "query": "INSERT INTO large (v) VALUES ($1)", "params": [text] },
            { "query": "SELECT v FROM large" },
            { "query": "DELETE FROM large" },
        ] });
        let answer = served.proxy.sql(queries).await.expect(200);
        assert!(answer.body["results"][1]["rows"][0]["v"] == text.as_str(), "{unit}");
    }
    // As a literal, too, and as the text of bytes.
    let answer = served.ask(&format!("SELECT '{}' AS v", "y".repeat(bytes))).await.expect(200);
    assert_eq!(answer.body["rows"][0]["v"].as_str().map(str::len), Some(bytes));
    let hex = format!("\\x{}", "c3a9".repeat(bytes / 4));
    let answer = served.proxy.sql(json!({ "query": "SELECT $1::bytea AS v", "params": [hex] })).await.expect(200);
    assert!(answer.body["rows"][0]["v"] == hex.as_str());
    let document = json!({ "list": vec!["z".repeat(1 << 20); 9] });
    let answer = served.proxy.sql(json!({ "query": "SELECT $1::jsonb AS v", "params": [document] })).await.expect(200);
    assert!(answer.body["rows"][0]["v"] == document);
}

#[tokio::test]
async fn a_plan_is_text_or_json() {
    let served = Served::after(SETUP).await;
    for _ in 0..3 {
        let plan = served.run("EXPLAIN (COSTS OFF) SELECT * FROM notes ORDER BY body").await;
        let lines: Vec<&str> =
            plan["rows"].as_array().unwrap().iter().filter_map(|row| row["QUERY PLAN"].as_str()).collect();
        assert_eq!(lines, ["Sort", "  Sort Key: body", "  ->  Seq Scan on notes"]);
        let explain = "EXPLAIN (ANALYZE, FORMAT JSON) INSERT INTO tags SELECT 3 WHERE false";
        let plan = served.run(explain).await;
        assert_eq!(plan["rows"][0]["QUERY PLAN"][0]["Plan"]["Node Type"], "ModifyTable");
        let request = served.proxy.sql_request(&json!({ "query": explain, "arrayMode": true }));
        let raw = request.header("Neon-Raw-Text-Output", "true").send().await.expect(200);
        assert!(raw.body["rows"][0][0].as_str().is_some_and(|text| text.starts_with("[\n  {\n    \"Plan\": {")));
        let explained = json!({ "query": "EXPLAIN (COSTS OFF) SELECT * FROM notes WHERE id = $1", "params": [1] });
        assert_eq!(served.proxy.sql(explained).await.status, 200);
    }
}

#[tokio::test]
async fn a_procedure_answers_with_what_it_gives_out() {
    let served = Served::after(SETUP).await;
    for _ in 0..3 {
        let body = served.run("CALL out_of(4, NULL, NULL, '{1}')").await;
        assert_eq!(body["rows"], json!([{ "twice": 8, "words": "a \"b\"", "list": [1, 4] }]));
        let names: Vec<&Value> = body["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
        assert_eq!((names.len(), &body["command"]), (3, &json!("CALL")));
        let call = json!({ "query": "CALL out_of($1, NULL, NULL, $2)", "params": ["5", [7]], "arrayMode": true });
        let body = served.proxy.sql(call).await.expect(200).body;
        assert_eq!(body["rows"], json!([[10, "a \"b\"", [7, 5]]]));
    }
}

#[tokio::test]
async fn no_rows_still_have_their_fields() {
    let served = Served::after(SETUP).await;
    for (query, fields) in [
        ("SELECT id, body FROM notes WHERE false", vec!["id", "body"]),
        ("SELECT * FROM (VALUES (1, 'a')) AS v (n, t) WHERE n = 2", vec!["n", "t"]),
        ("TABLE notes LIMIT 0", vec!["id", "body"]),
        ("INSERT INTO notes VALUES (1, 'x') ON CONFLICT DO NOTHING RETURNING body AS b, id", vec!["b", "id"]),
        ("UPDATE notes SET body = 'x' WHERE false RETURNING *", vec!["id", "body"]),
        ("DELETE FROM notes WHERE false RETURNING id", vec!["id"]),
        ("WITH gone AS (DELETE FROM notes WHERE false RETURNING id) SELECT id AS i, 1 AS i FROM gone", vec!["i", "i"]),
        ("SELECT * FROM notes JOIN tags USING (id) WHERE false", vec!["id", "body", "body"]),
    ] {
        for _ in 0..3 {
            let body = served.run(query).await;
            let names: Vec<&Value> = body["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
            assert_eq!(
                (names, &body["rows"], &body["rowCount"]),
                (fields.iter().map(|name| json!(name)).collect::<Vec<_>>().iter().collect(), &json!([]), &json!(0)),
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn columns_of_one_name_survive_in_arrays() {
    let served = Served::after(SETUP).await;
    let query = "SELECT * FROM notes JOIN tags ON notes.id = tags.id";
    for raw in [true, false] {
        let ask = |arrays: bool| {
            let request = served.proxy.sql_request(&json!({ "query": query, "arrayMode": arrays }));
            request.header("Neon-Raw-Text-Output", raw).send()
        };
        let one = if raw { json!("1") } else { json!(1) };
        assert_eq!(ask(true).await.expect(200).body["rows"], json!([[one, "one", one, "red"]]));
        assert_eq!(ask(false).await.expect(200).body["rows"], json!([{ "id": one, "body": "red" }]));
    }
}

#[tokio::test]
async fn changes_in_a_with_happen_once_and_together() {
    let served = Served::after(SETUP).await;
    let moved = "WITH gone AS (DELETE FROM notes RETURNING *), kept AS (INSERT INTO tags SELECT * FROM gone RETURNING id) \
                 SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM tags) AS before";
    for (gone, tags) in [("1", 2), ("0", 3), ("0", 3)] {
        let body = served.run(moved).await;
        assert_eq!(body["rows"], json!([{ "gone": gone, "kept": gone, "before": tags.to_string() }]));
    }
    for count in 1..=3 {
        let body = served.run("WITH n AS (SELECT 9 AS id) INSERT INTO tags SELECT id FROM n").await;
        assert_eq!((&body["command"], &body["rowCount"], &body["fields"]), (&json!("INSERT"), &json!(1), &json!([])));
        assert_eq!(served.value("SELECT count(*) FROM tags WHERE id = 9").await, count.to_string());
    }
}

#[tokio::test]
async fn copy_is_refused_with_what_to_do_instead() {
    let served = Served::after(SETUP).await;
    for query in ["COPY notes FROM STDIN", "COPY notes TO STDOUT", "copy (TABLE notes) to stdout (format csv)"] {
        let refused = served.ask(query).await.expect(400);
        let message = refused.body["message"].as_str().unwrap_or_default();
        assert!(message.contains("COPY") && message.contains("INSERT"), "{message}");
        let refused = served.ask_batch(&["SELECT 1", query]).await.expect(400);
        assert!(refused.text.contains("queries[1]") && refused.text.contains("COPY"), "{}", refused.text);
    }
}

#[tokio::test]
async fn comments_and_semicolons_are_as_postgres_takes_them() {
    let served = Served::after(SETUP).await;
    for query in [
        "SELECT 1 AS one /* ; SELECT 2 */ ; -- ; SELECT 3",
        "-- a\n\n/* b /* c */ ; */ ; SELECT 1 AS one ; ; /* d */",
        "SELECT 1 AS one -- without an end of line",
        "SELECT 1 AS one;\t\r\n ;",
        "SELECT /* $1 */ 1 AS one -- $2",
    ] {
        for _ in 0..3 {
            assert_eq!(served.run(query).await["rows"], json!([{ "one": 1 }]), "{query}");
        }
    }
    for query in ["SELECT 1 /* without an end", "SELECT ';", "SELECT 1 AS one; x", "/* a */ SELECT 1; /* b */ SELECT 2"]
    {
        for _ in 0..2 {
            assert_eq!(served.ask(query).await.expect(400).body["code"], "42601", "{query}");
        }
    }
}
